"""Norms and directions of rows, streamed over row blocks in float64.

Shapes: V rows, D columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.finite import require_finite, row_blocks, times_power
from ngpt_inspect.numerics.resolution import rounding_errors

if TYPE_CHECKING:
    import torch

FLOAT32_TOLERANCE = 1e-5
"""What normalising in float32 leaves at any width, with room; a wider dtype cannot better it."""
DEVIATIONS = 6.0
"""Standard deviations allowed: one normal variable in a billion lies further out."""


def norm_tolerance(
    x_VD: torch.Tensor, relative_rounding: float | None = None, axis: int = 1
) -> float:
    """Return the largest share by which storage alone can have moved the norm of a unit vector.

    Rounding moves entry x_j by an independent error of deviation tau_j, uniform over the spacing
    of the dtype at x_j, hence |x| by a normal error of deviation sqrt(sum x_j^2 tau_j^2) / |x|
    and by sum tau_j^2 / 2|x|^2 on average. The tolerance is 6 deviations plus that, of the vector
    for which it is largest; never more than half the dtype's epsilon, the worst case, nor less
    than 1e-5. A row spread over d = 1024 coordinates has 0.03 % in bfloat16.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Values in the dtype they were stored in.
    relative_rounding : float, optional
        Of quantised values: the share r = |error| / |x| by which rounding moved them. The
        tolerance is then 6 r / sqrt(D) + r^2, for a vector of D spread coordinates.
    axis : int
        The axis along which a vector lies: 1 for rows.
    """
    import torch

    if relative_rounding is not None:
        spread = DEVIATIONS * relative_rounding / math.sqrt(x_VD.shape[axis])
        return max(FLOAT32_TOLERANCE, spread + relative_rounding**2)
    eps = float(torch.finfo(x_VD.dtype).eps)
    if eps / 2 <= FLOAT32_TOLERANCE:
        return FLOAT32_TOLERANCE
    largest = 0.0
    rows = x_VD if axis == 1 else x_VD.T
    for block in row_blocks(rows):
        wide = block.double()
        tau = rounding_errors(block).double()
        squares = wide.square().sum(1)
        crossed, error = (wide * tau).square().sum(1).sqrt(), tau.square().sum(1)
        shares = (DEVIATIONS * crossed + error / 2) / squares
        known = shares[shares.isfinite()]  # rows of zeros have none
        largest = max(largest, float(known.max()) if len(known) else 0.0)
    return max(FLOAT32_TOLERANCE, min(eps / 2, largest))


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

    if x_VD.dtype != torch.float64:  # narrower values have squares that float64 holds
        norms = [torch.linalg.vector_norm(rows.double(), dim=1) for rows in row_blocks(x_VD)]
        return torch.cat(norms)
    return torch.cat([_norms_of_any_size(rows) for rows in row_blocks(x_VD)])


def _norms_of_any_size(rows: torch.Tensor) -> torch.Tensor:
    """Return row norms of float64 values whose squares may overflow or vanish."""
    import torch

    exponents = torch.frexp(rows.abs().amax(1)).exponent
    norms = torch.linalg.vector_norm(times_power(rows, -exponents.unsqueeze(1)), dim=1)
    return times_power(norms, exponents)


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

    if x_VD.dtype == torch.float64:
        return row_norms(x_VD.T)
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
    import torch

    unit_VD = torch.cat([directions(rows) for rows in row_blocks(x_VD)])
    return unit_VD, unit_VD.abs().amax(1) == 0


def directions(rows: torch.Tensor) -> torch.Tensor:
    """Return unit rows in float64, of values of any size; rows of zeros stay zeros."""
    import torch

    wide = rows.double()
    exponents = torch.frexp(wide.abs().amax(1, keepdim=True)).exponent
    wide = times_power(wide, -exponents)
    norms = torch.linalg.vector_norm(wide, dim=1, keepdim=True)
    unit: torch.Tensor = wide / norms.where(norms > 0, 1.0)
    return unit


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
        unit = directions(rows)
        total_D += unit.sum(0)
        count += int((unit != 0).any(1).sum())
    if count < 2:
        return float("nan")
    return (float(total_D @ total_D) - count) / (count * (count - 1))
