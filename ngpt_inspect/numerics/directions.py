"""Norms and directions of rows, streamed over row blocks in float64.

Shapes: V rows, D columns.
"""

from __future__ import annotations

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.finite import require_finite, row_blocks, times_power


def row_norms(x_VD: torch.Tensor) -> torch.Tensor:
    """|x_i| for every row i.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype.

    Returns
    -------
    tensor of shape (V,), float64, in the unit of `x_VD`; nan or inf where the row holds them
    """
    blocks = row_blocks(x_VD)
    if x_VD.dtype != torch.float64:  # narrower values have squares that float64 holds
        return torch.cat([torch.linalg.vector_norm(rows.double(), dim=1) for rows in blocks])
    return torch.cat([_norms_of_any_size(rows) for rows in blocks])


def _norms_of_any_size(rows: torch.Tensor) -> torch.Tensor:
    """Return row norms of float64 values whose squares may overflow or vanish."""
    exponents = torch.frexp(rows.abs().amax(1)).exponent
    norms = torch.linalg.vector_norm(times_power(rows, -exponents.unsqueeze(1)), dim=1)
    return times_power(norms, exponents)


def unit_rows(x_VD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """x_i / |x_i| for every row i, as nGPT does to its matrices after each step.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype.

    Returns
    -------
    tensor of shape (V, D), float64, of unit rows; rows of norm zero stay zero
    tensor of shape (V,), bool: which rows are zero

    References
    ----------
    nGPT, arXiv 2410.01131, section 2.6, step 2.
    """
    unit_VD, norms_V = map(torch.cat, zip(*map(_unit_and_norms, row_blocks(x_VD)), strict=True))
    return unit_VD, norms_V == 0


def directions(rows: torch.Tensor) -> torch.Tensor:
    """Return unit rows in float64, of values of any size; rows of zeros stay zeros."""
    return _unit_and_norms(rows)[0]


def _unit_and_norms(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `directions`, and the norms up to a power of two, which are 0 of rows of zeros."""
    wide = rows.double()
    if rows.dtype == torch.float64:  # narrower values have squares that float64 holds
        exponents = torch.frexp(wide.abs().amax(1, keepdim=True)).exponent
        wide = times_power(wide, -exponents)
    norms = torch.linalg.vector_norm(wide, dim=1, keepdim=True)
    return wide.div_(norms.where(norms > 0, 1.0)), norms.squeeze(1)


def known_directions(rows: torch.Tensor) -> torch.Tensor:
    """Return unit rows; those without a direction are left out."""
    unit, norms = _unit_and_norms(rows)
    known = norms != 0
    return unit if known.all() else unit[known]


def anisotropy(x_VD: torch.Tensor) -> float:
    """Mean cosine of distinct pairs, (|sum u|^2 - N) / (N (N - 1)) over unit rows u, in O(V D).

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype; rows of norm zero have no direction and are left out.

    Returns
    -------
    float
        Between -1 / (N - 1) and 1; about 0 for directions spread evenly; nan for fewer than two
        rows.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.

    References
    ----------
    Ethayarajh, arXiv 1909.00512, section 3.3, over contextual representations; here over all rows.
    """
    require_finite(x_VD)
    total_D = torch.zeros(x_VD.shape[1], dtype=torch.float64, device=x_VD.device)
    count = 0
    for rows in row_blocks(x_VD):
        unit, norms = _unit_and_norms(rows)
        total_D += unit.sum(0)
        count += int((norms != 0).sum())
    if count < 2:
        return float("nan")
    return (float(total_D @ total_D) - count) / (count * (count - 1))
