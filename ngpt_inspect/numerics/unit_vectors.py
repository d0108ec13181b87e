"""Whether rows are unit vectors, as far as the rounding of storage lets one tell.

Shapes: V rows, D columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.directions import row_norms
from ngpt_inspect.numerics.finite import require_finite, row_blocks
from ngpt_inspect.numerics.resolution import rounding_errors

if TYPE_CHECKING:
    import torch

FLOAT32_TOLERANCE = 1e-5
"""What normalising in float32 leaves at any width, with room."""
FINE = 1e-6
"""Rounding to a dtype whose eps is below this is nothing beside `FLOAT32_TOLERANCE`."""
DEVIATIONS = 7.5
"""A sum of uniform errors exceeds so many standard deviations with a probability below 2 exp(-28),
1.3e-12 (Hoeffding's lemma: a uniform variable is sub-Gaussian with its own variance)."""
UNEVEN = math.sqrt(3.0)
"""Of a normal distribution sqrt(D sum x^4) / sum x^2: how much more the errors of large entries
count, where those errors grow with the entry."""

BLOCK_ELEMENTS = 1 << 19
"""Values taken at a time: of each there are some ten copies in float64."""
SCALES = 2.0**-11
"""Rounding of the scale of a block to float16, which stretches all of its values alike."""
CLIPPED = 8.0
"""Codes that end short of the largest value of a block shorten all rows: times r^2, as much as
MXFP4 does, which cuts up to a quarter off the largest values."""


def norm_rounding(x_VD: torch.Tensor, relative_rounding: float | None = None) -> torch.Tensor:
    """By which share rounding to the stored dtype can have moved the norm of each row.

    Rounding to nearest moves entry x_j by an error e_j that is uniform over s_j, the spacing of the
    dtype there, and the norm of a unit row by sum x_j e_j + |e|^2 / 2 to second order. The first
    term has variance sum x_j^2 s_j^2 / 12, and e_j^2 <= s_j^2 / 4:

        tolerance = 1e-5 + 7.5 sqrt(sum x_j^2 s_j^2 / 12) + sum s_j^2 / 8

    and never more than the worst case |e| <= sqrt(sum s_j^2) / 2, with which rows of a single
    magnitude are judged: there all errors are one. For a normal row of D entries it is about
    0.09 eps at D = 1024 and falls as 1 / sqrt(D).

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        In the stored dtype; rows of another length are taken as their length times a unit row.
    relative_rounding : float, optional
        Of a quantisation: root mean square error r over root mean square value. The tolerance is
        then 1e-5 + 2^-11 + min(7.5 sqrt(3 / D) r + 8 r^2, 2 r): the same sum for errors of no known
        place, what scales of half precision add, and what codes that clip take off.

    Returns
    -------
    tensor of shape (V,), float64, dimensionless
    """
    import torch

    count, width = x_VD.shape
    if relative_rounding is not None:
        r = min(relative_rounding, 1.0)
        found = SCALES + min(2 * r, DEVIATIONS * UNEVEN * r / math.sqrt(width) + CLIPPED * r * r)
    elif float(torch.finfo(x_VD.dtype).eps) < FINE:
        found = 0.0
    else:
        moved = [_moved(rows) for rows in row_blocks(x_VD, BLOCK_ELEMENTS)]
        return torch.cat(moved) + FLOAT32_TOLERANCE
    tolerance = FLOAT32_TOLERANCE + found
    return torch.full((count,), tolerance, dtype=torch.float64, device=x_VD.device)


def _moved(rows_VD: torch.Tensor) -> torch.Tensor:
    import torch

    size = rows_VD.double().abs()
    s_VD = rounding_errors(rows_VD).double() * math.sqrt(12)  # a spacing is sqrt(12) tau
    norms_V1 = torch.linalg.vector_norm(size, dim=1, keepdim=True)
    norms_V1 = norms_V1.where(norms_V1 > 0, 1.0)
    size, s_VD = size / norms_V1, s_VD / norms_V1
    first_V = torch.linalg.vector_norm(size * s_VD, dim=1) / math.sqrt(12)
    squares_V = s_VD.square().sum(1)
    worst_V = squares_V.sqrt() / 2
    # Shares are of the length before rounding, which may be as much shorter than the stored one.
    before_V = 1 - worst_V.clamp_max(0.5)
    smallest_V = size.masked_fill(size == 0, math.inf).amin(1)
    found_V = torch.minimum(DEVIATIONS * first_V + squares_V / 8, worst_V)
    moved_V: torch.Tensor = found_V.where(smallest_V < size.amax(1), worst_V) / before_V
    return moved_V


@dataclass(frozen=True)
class UnitRows:
    """How far the norms of rows are from 1, and how far rounding alone can have moved them."""

    deviation: float
    """max | |x_i| - 1 |."""
    tolerance: float
    """`norm_rounding` of the row furthest from 1, among those that exceed theirs where any do:
    `deviation` is within it if and only if `off` is 0."""
    off: int
    """Rows further from 1 than their tolerance."""
    excess: float
    """max(|x_i| - 1), 0 where no row is longer than 1."""
    over: int
    """Rows longer than 1 by more than their tolerance."""


def unit_rows_of(x_VD: torch.Tensor, relative_rounding: float | None = None) -> UnitRows:
    """Compare the norm of every row with 1.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        In the stored dtype.
    relative_rounding : float, optional
        Of a quantisation; see `norm_rounding`.

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
    excess_V = row_norms(x_VD) - 1
    deviation_V = excess_V.abs()
    tolerance_V = norm_rounding(x_VD, relative_rounding)
    off_V = deviation_V > tolerance_V
    n_off = int(off_V.sum())
    judged_V = deviation_V.where(off_V, -1.0) if n_off else deviation_V
    return UnitRows(
        deviation=float(deviation_V.max()),
        tolerance=float(tolerance_V[judged_V.argmax()]),
        off=n_off,
        excess=max(0.0, float(excess_V.max())),
        over=int((excess_V > tolerance_V).sum()),
    )
