"""Norms and directions of rows, streamed over row blocks in float64.

Shapes: V rows, D columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.finite import require_finite, row_blocks

if TYPE_CHECKING:
    import torch

FLOAT32_TOLERANCE = 1e-5
"""What normalising in float32 leaves at any width, with room; a wider dtype cannot better it."""


def norm_tolerance(dtype: torch.dtype, relative_rounding: float | None = None) -> float:
    """max(1e-5, half the dtype's epsilon): storage moves no norm by a larger share of it.

    Of quantised values it is `relative_rounding`, the share by which rounding moved the vector.
    """
    import torch

    if relative_rounding is not None:
        return max(FLOAT32_TOLERANCE, relative_rounding)
    return max(FLOAT32_TOLERANCE, float(torch.finfo(dtype).eps) / 2)


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
    import torch

    return torch.cat([torch.linalg.vector_norm(rows.double(), dim=1) for rows in row_blocks(x_VD)])


def column_norms(x_VD: torch.Tensor) -> torch.Tensor:
    """|x_j| for every column j.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype.

    Returns
    -------
    tensor of shape (D,), float64, in the unit of `x_VD`; nan or inf where the column holds them
    """
    import torch

    squares_D = torch.zeros(x_VD.shape[1], dtype=torch.float64, device=x_VD.device)
    for rows in row_blocks(x_VD):
        squares_D += rows.double().square().sum(0)
    return squares_D.sqrt()


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
    norms_V = row_norms(x_VD)
    zero_V = norms_V == 0
    return x_VD.double() / norms_V.where(~zero_V, 1.0).unsqueeze(1), zero_V


@dataclass(frozen=True)
class UnitAxis:
    """How far the norms of rows and of columns are from 1."""

    row_max: float
    """max | |x_i| - 1 | over rows."""
    row_rms: float
    """Root mean square of |x_i| - 1 over rows."""
    column_max: float
    """max | |x_j| - 1 | over columns."""
    column_rms: float
    """Root mean square of |x_j| - 1 over columns."""


def unit_axis(x_VD: torch.Tensor) -> UnitAxis:
    """Deviation of row norms and of column norms from 1: which of them are unit vectors.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype.

    Returns
    -------
    UnitAxis
        Dimensionless.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.

    References
    ----------
    nGPT, arXiv 2410.01131, section 2.6: every matrix is normalised along its
    embedding dimension.
    """
    require_finite(x_VD)
    off_V, off_D = row_norms(x_VD) - 1, column_norms(x_VD) - 1
    return UnitAxis(
        row_max=float(off_V.abs().max()),
        row_rms=float(off_V.square().mean().sqrt()),
        column_max=float(off_D.abs().max()),
        column_rms=float(off_D.square().mean().sqrt()),
    )


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
    import torch

    require_finite(x_VD)
    total_D = torch.zeros(x_VD.shape[1], dtype=torch.float64, device=x_VD.device)
    count = 0
    for rows in row_blocks(x_VD):
        wide = rows.double()
        norms = torch.linalg.vector_norm(wide, dim=1, keepdim=True)
        total_D += (wide / norms.where(norms > 0, 1.0)).sum(0)
        count += int((norms > 0).sum())
    if count < 2:
        return float("nan")
    return (float(total_D @ total_D) - count) / (count * (count - 1))
