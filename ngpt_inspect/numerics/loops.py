"""What is looked at in a tile of products, in one compiled pass over it: for the extra `compiled`.

Shapes: R x C a tile, F fine bins. Rows are taken one by one, so that a value is in a register or
next to the core for all that is made of it. What is rare (a new extreme, a nearer row) leaves the
first loop, which has no branches, and is looked for again.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

# Sums may be taken in any order, and products fused with them.
FREE = {"reassoc", "contract", "nsz"}
PIECE = 64
"""Values of which none is nearer, nearly always: seen without a branch."""


class Counting(NamedTuple):
    """Where values of one kind are counted; no bins where they are not."""

    scale: tuple[np.float32, np.float32, np.float32]
    """The centre, its place in bins, and bins per unit."""
    counts_F: np.ndarray
    """Int32, added to."""
    ends: np.ndarray
    """The smallest and the largest value so far, float64; moved where a value is beyond a bar."""
    bars: tuple[np.float32, np.float32]


class Side(NamedTuple):
    """The rows on one side of a tile, R or C, and their K nearest; empty where not wanted."""

    over_R: np.ndarray
    """One over their norms, float32."""
    least_R: np.ndarray
    """The last of `cosines_RK` once more, side by side: most values are compared with it alone."""
    cosines_RK: np.ndarray
    """The largest cosines of each row so far, float32, descending."""
    ids_RK: np.ndarray
    """With which row of the other side, int64; -1 of what was known before."""
    close_R: np.ndarray
    """How many cosines reach the bar, int64, added to."""


@njit(nogil=True, cache=True, fastmath=FREE)
def _count(values_C, into, bins_C):  # type: ignore[no-untyped-def]
    """Count values; return the sum of their squares and how many lie beyond the bars."""
    centre, zero, per_unit = into.scale
    low, high = into.bars
    top = np.float32(len(into.counts_F) - 1)
    squares, beyond = np.float32(0), 0
    for j in range(len(values_C)):
        value = values_C[j]
        off = value - centre
        squares += off * off
        # No value lies outside; what rounding makes of one at the edge must stay in the array, and
        # what is no number too.
        place = zero + off * per_unit
        place = place if place > 0 else np.float32(0)
        bins_C[j] = np.int32(place if place < top else top)
        beyond += (value < low) | (value > high)
    for j in range(len(values_C)):
        into.counts_F[bins_C[j]] += 1
    if beyond:
        for value in values_C:
            into.ends[0], into.ends[1] = min(into.ends[0], value), max(into.ends[1], value)
    return squares, beyond


@njit(nogil=True, cache=True)
def _times(values_C, factor, factors_C, out_C):  # type: ignore[no-untyped-def]
    for j in range(len(values_C)):
        out_C[j] = values_C[j] * factor * factors_C[j]


@njit(nogil=True, cache=True)
def _insert(side, row, value, partner):  # type: ignore[no-untyped-def]
    """Put a cosine among the nearest of a row; of equal ones the first stays before."""
    place = side.cosines_RK.shape[1] - 1
    while place and side.cosines_RK[row, place - 1] < value:
        side.cosines_RK[row, place] = side.cosines_RK[row, place - 1]
        side.ids_RK[row, place] = side.ids_RK[row, place - 1]
        place -= 1
    side.cosines_RK[row, place], side.ids_RK[row, place] = value, partner
    side.least_R[row] = side.cosines_RK[row, -1]


@njit(nogil=True, cache=True)
def _look_for_nearest(unit_C, i, first, rows, columns, bar):  # type: ignore[no-untyped-def]
    """Look along row i for what is nearer, to it and to each of the columns, and what is close."""
    for start in range(0, len(unit_C), PIECE):
        piece = unit_C[start : start + PIECE]
        begin = first + start
        least_C = columns.least_R[begin:]
        found = 0
        for j in range(len(piece)):
            found += (piece[j] > rows.least_R[i]) | (piece[j] > least_C[j]) | (piece[j] >= bar)
        if not found:
            continue
        for j in range(len(piece)):
            if piece[j] > rows.least_R[i]:
                _insert(rows, i, piece[j], begin + j)
            if piece[j] > least_C[j]:
                _insert(columns, begin + j, piece[j], i)
            if piece[j] >= bar:
                rows.close_R[i] += 1
                columns.close_R[begin + j] += 1


@njit(nogil=True, cache=True)
def look(dots_RC, unit_RC, triangle, raw, cosines, rows, columns, bar):  # type: ignore[no-untyped-def]
    """Go over a tile once, on the diagonal over what is above it.

    Parameters
    ----------
    dots_RC : array of shape (R, C), float32
    unit_RC : array of shape (R, C) or (1, C), float32
        Where cosines are put, row by row or one over the other.
    triangle : bool
    raw, cosines : Counting
    rows, columns : Side
    bar : float32
        From this cosine on two rows are close.

    Returns
    -------
    tuple of four numbers
        Of raw products, then of cosines: the sum of squares about the centre, and how many values
        lie beyond the bars.
    """
    bins_C = np.empty(dots_RC.shape[1], np.int32)
    raw_squares, raw_beyond, squares, beyond = 0.0, 0, 0.0, 0
    for i in range(len(dots_RC)):
        first = i + 1 if triangle else 0
        values = dots_RC[i, first:]
        if len(raw.counts_F):
            more, found = _count(values, raw, bins_C)
            raw_squares += more
            raw_beyond += found
        if not len(rows.over_R):
            continue
        unit = unit_RC[min(i, len(unit_RC) - 1), first:]
        _times(values, rows.over_R[i], columns.over_R[first:], unit)
        if len(cosines.counts_F):
            more, found = _count(unit, cosines, bins_C)
            squares += more
            beyond += found
        if len(rows.least_R):
            _look_for_nearest(unit, i, first, rows, columns, bar)
    return raw_squares, raw_beyond, squares, beyond
