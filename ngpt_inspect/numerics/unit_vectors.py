"""Whether vectors are unit vectors, as far as the rounding of storage lets one tell.

Shapes: V rows, D columns. NumPy alone: no import of torch for a question of norms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

from ngpt_inspect.later.numpy import np
from ngpt_inspect.numerics.arrays import column_norms, require_finite, row_norms
from ngpt_inspect.numerics.finite import row_blocks
from ngpt_inspect.numerics.resolution import Spacing

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
SCALES = 2.0**-11
"""Rounding of the scale of a block to float16, which stretches all of its values alike."""
CLIPPED = 8.0
"""Codes that end short of the largest value of a block shorten all rows: times r^2, as much as
MXFP4 does, which cuts up to a quarter off the largest values."""
BLOCK_ELEMENTS = 1 << 16
"""Values taken at a time: of each there are some six copies in float64."""


@dataclass(frozen=True)
class UnitVectors:
    """How far norms are from 1, and how far rounding alone can have moved them."""

    deviation: float
    """max | |x_i| - 1 |."""
    tolerance: float
    """`norm_rounding` of the vector furthest from 1, among those that exceed theirs where any do:
    `deviation` is within it if and only if `off` is 0."""
    off: int
    """Vectors further from 1 than their tolerance."""
    excess: float
    """max(|x_i| - 1), 0 where none is longer than 1."""
    over: int
    """Vectors longer than 1 by more than their tolerance."""


def unit_vectors(
    x_VD: np.ndarray, spacing: Spacing, relative_rounding: float | None = None
) -> tuple[UnitVectors, UnitVectors]:
    """Compare the norm of every row and of every column with 1.

    Parameters
    ----------
    x_VD : array of shape (V, D)
        As stored: float16, float32 or float64.
    spacing
        Of the dtype they were rounded to.
    relative_rounding
        Of a quantisation; see `norm_rounding`.

    Returns
    -------
    What was found of the rows, and of the columns.

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
    moved = norm_rounding(x_VD, spacing, relative_rounding)
    rows, columns = map(_judged, (row_norms(x_VD), column_norms(x_VD)), moved)
    return rows, columns


def norm_rounding(
    x_VD: np.ndarray,
    spacing: Spacing,
    relative_rounding: float | None = None,
    *,
    columns: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """By which share rounding to the stored dtype can have moved the norm of each row and column.

    Rounding to nearest moves entry x_j by an error e_j that is uniform over s_j, the spacing of the
    dtype there, and the norm of a unit vector by sum x_j e_j + |e|^2 / 2 to second order. The first
    term has variance sum x_j^2 s_j^2 / 12, and e_j^2 <= s_j^2 / 4:

        tolerance = 1e-5 + 7.5 sqrt(sum x_j^2 s_j^2 / 12) + sum s_j^2 / 8

    and never more than the worst case |e| <= sqrt(sum s_j^2) / 2, with which vectors of a single
    magnitude are judged: there all errors are one. For a normal vector of D entries it is about
    0.09 eps at D = 1024 and falls as 1 / sqrt(D).

    Parameters
    ----------
    x_VD : array of shape (V, D)
        Finite values; vectors of another length are taken as their length times a unit vector.
    spacing
        Of the dtype they were rounded to.
    relative_rounding
        Of a quantisation: root mean square error r over root mean square value. The tolerance is
        then 1e-5 + 2^-11 + min(7.5 sqrt(3 / D) r + 8 r^2, 2 r): the same sum for errors of no known
        place, what scales of half precision add, and what codes that clip take off.
    columns
        Whether columns are asked for too; else what is said of them is empty.

    Returns
    -------
    arrays of shape (V,) and (D,), float64, dimensionless
    """
    count, width = x_VD.shape
    if relative_rounding is None and spacing.eps >= FINE and x_VD.size:
        by_row, by_column = _moved(x_VD, spacing, columns=columns)
        return FLOAT32_TOLERANCE + by_row, FLOAT32_TOLERANCE + by_column
    r = min(relative_rounding or 0.0, 1.0)
    lengths = np.maximum([width, count], 1)
    near = DEVIATIONS * UNEVEN * r / np.sqrt(lengths) + CLIPPED * r * r
    found = (SCALES if relative_rounding is not None else 0.0) + np.minimum(2 * r, near)
    of_row, of_column = FLOAT32_TOLERANCE + found
    return np.full(count, of_row), np.full(width if columns else 0, of_column)


@dataclass(frozen=True)
class _Sums:
    """Over each of some vectors x, with s the spacing of the dtype at each entry."""

    x2: np.ndarray
    s2: np.ndarray
    x2s2: np.ndarray
    smallest: np.ndarray
    """The smallest |x_j| > 0."""
    largest: np.ndarray

    @classmethod
    def over(cls, axis: int, x: np.ndarray, s: np.ndarray) -> _Sums:
        """Sum over the rows (1) or columns (0) of |x|."""
        x2, s2, x2s2 = (np.einsum(f"vd,vd->{'dv'[axis]}", y, y) for y in (x, s, x * s))
        return cls(x2, s2, x2s2, x.min(axis, initial=np.inf, where=x > 0), x.max(axis))

    def and_of(self, others: _Sums) -> _Sums:
        """Return those of the same vectors, of which these and the others are parts."""
        return _Sums(
            self.x2 + others.x2,
            self.s2 + others.s2,
            self.x2s2 + others.x2s2,
            np.minimum(self.smallest, others.smallest),
            np.maximum(self.largest, others.largest),
        )

    def moved(self) -> np.ndarray:
        """By which share rounding can have moved their norms."""
        x2 = np.where(self.x2 > 0, self.x2, 1.0)
        first, squares = np.sqrt(self.x2s2 / 12) / x2, self.s2 / x2
        worst = np.sqrt(squares) / 2
        found = np.minimum(DEVIATIONS * first + squares / 8, worst)
        moved = np.where(self.smallest < self.largest, found, worst)
        # Shares are of the length before rounding, which may be as much shorter than the stored.
        shares: np.ndarray = moved / (1 - np.minimum(worst, 0.5))
        return shares


def _moved(x_VD: np.ndarray, spacing: Spacing, *, columns: bool) -> tuple[np.ndarray, np.ndarray]:
    """By which share rounding can have moved the norm of each row and column, in one pass.

    No square of what a narrow dtype holds is too large or too small for float64.
    """
    by_row: list[_Sums] = []
    by_column: list[_Sums] = []
    for rows in row_blocks(x_VD, BLOCK_ELEMENTS):
        x = np.abs(rows, dtype=np.float64)
        power = (x.view(np.int64) & 0x7FF0000000000000).view(np.float64)
        s = np.maximum(power, spacing.smallest) * spacing.eps
        by_row.append(_Sums.over(1, x, s))
        if columns:
            by_column = [reduce(_Sums.and_of, [*by_column, _Sums.over(0, x, s)])]
    moved = (np.concatenate([np.zeros(0), *(s.moved() for s in of)]) for of in (by_row, by_column))
    return next(moved), next(moved)


def _judged(norms: np.ndarray, tolerance: np.ndarray) -> UnitVectors:
    excess = norms - 1
    deviation = np.abs(excess)
    off = deviation > tolerance
    judged = np.where(off, deviation, -1.0) if off.any() else deviation
    return UnitVectors(
        deviation=float(deviation.max()),
        tolerance=float(tolerance[judged.argmax()]),
        off=int(off.sum()),
        excess=max(0.0, float(excess.max())),
        over=int((excess > tolerance).sum()),
    )
