"""What is looked at in a tile of products, in one compiled pass over it: for the extra `compiled`.

Shapes: R x C a tile, F fine bins. Rows are taken one by one, so that a value is in a register or
next to the core for all that is made of it. What is rare (a new extreme, a nearer row) leaves the
first loop, which has no branches, and is looked for again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

# Sums may be taken in any order, and products fused with them.
FREE = {"reassoc", "contract", "nsz"}


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
    """The rows on one side of a tile, R or C; empty arrays of what is not wanted."""

    over_R: np.ndarray
    """One over their norms, float32."""
    peaks_R: np.ndarray
    """The largest cosine of each, float32, raised."""
    partners_R: np.ndarray
    """With which row of the other side, int32; left alone where none is larger than was known."""
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
        # No value lies outside; what rounding makes of one at the edge must stay in the array.
        bins_C[j] = np.int32(min(max(zero + off * per_unit, np.float32(0)), top))
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
def _any_from(values_C, bar):  # type: ignore[no-untyped-def]
    found = 0
    for j in range(len(values_C)):
        found += values_C[j] >= bar
    return found > 0


@njit(nogil=True, cache=True)
def _raise_peaks(values_C, i, peaks_C, partners_C):  # type: ignore[no-untyped-def]
    for j in range(len(values_C)):
        better = values_C[j] > peaks_C[j]
        peaks_C[j] = values_C[j] if better else peaks_C[j]
        partners_C[j] = i if better else partners_C[j]


@njit(nogil=True, cache=True)
def _take_row(values_C, i, first, rows, columns, bar):  # type: ignore[no-untyped-def]
    """Look for what is nearest to row i, and for what is close to it."""
    for j in range(len(values_C)):
        if values_C[j] > rows.peaks_R[i]:
            rows.peaks_R[i], rows.partners_R[i] = values_C[j], first + j
        if values_C[j] >= bar:
            rows.close_R[i] += 1
            columns.close_R[first + j] += 1


@njit(nogil=True, cache=True)
def look(dots_RC, triangle, raw, cosines, rows, columns, bar):  # type: ignore[no-untyped-def]
    """Go over a tile once, on the diagonal over what is above it.

    Parameters
    ----------
    dots_RC : array of shape (R, C), float32
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
    n_columns = dots_RC.shape[1]
    bins_C = np.empty(n_columns, np.int32)
    room_C = np.empty(n_columns, np.float32)
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
        unit = room_C[first:]
        _times(values, rows.over_R[i], columns.over_R[first:], unit)
        if len(cosines.counts_F):
            more, found = _count(unit, cosines, bins_C)
            squares += more
            beyond += found
        if len(rows.peaks_R):
            _raise_peaks(unit, i, columns.peaks_R[first:], columns.partners_R[first:])
            if _any_from(unit, min(rows.peaks_R[i], bar)):
                _take_row(unit, i, first, rows, columns, bar)
    return raw_squares, raw_beyond, squares, beyond
