"""Running counts of values in fine bins, and what is read off them.

Shapes: P values of one tile, F fine bins, B bins, Q quantile levels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from ngpt_inspect.numerics.tiles import Tile

FINE_BINS = 1 << 18
CHUNK = 1024
PIECE = CHUNK << 7
"""Values taken through all steps at a time: half a megabyte of float32."""


class Tally:
    """Counts in fine bins of equal width over [-reach, reach], and the spread about a centre."""

    def __init__(self, reach: float, centre: float) -> None:
        self.reach = reach or 1.0
        self.centre = centre
        self.counts = np.zeros(FINE_BINS, dtype=np.int64)
        self.squares = 0.0
        self.smallest, self.largest = float("inf"), float("-inf")
        self._bins: torch.Tensor | None = None  # kept, since fresh memory costs more than counting

    @property
    def width(self) -> float:
        """Width of a fine bin."""
        return 2 * self.reach / FINE_BINS

    def add(self, tile: Tile) -> float:
        """Count the values of a tile, which are overwritten; return the sum of their squares."""
        import torch

        self.smallest, self.largest = min(self.smallest, tile.low), max(self.largest, tile.high)
        values_P = tile.values_P
        # Whole numbers, counted in int64: torch.histc counts in float32 and stops at 2^24.
        if self._bins is None or len(self._bins) < len(values_P):
            self._bins = torch.empty_like(values_P, dtype=torch.int32)
        bins_P = self._bins[: len(values_P)]
        zero = values_P.new_tensor((self.reach + self.centre) / self.width)
        norms = []
        # A piece stays near the core from one step to the next.
        for values, bins in zip(values_P.split(PIECE), bins_P.split(PIECE), strict=True):
            values -= self.centre
            norms += [torch.linalg.vector_norm(part, dim=-1) for part in _chunks(values)]
            torch.add(zero, values, alpha=1 / self.width, out=values)  # one pass, not two
            bins.copy_(values)
        # Short float32 sums joined in float64: as exact as widening first, and far faster.
        squares = float(torch.cat([each.view(-1) for each in norms]).double().square().sum())
        self.squares += squares
        # No value lies beyond reach. What rounding puts on the last edge is of the last bin, and
        # what it puts below the first edge becomes zero when cut to a whole number.
        counts = torch.bincount(bins_P, minlength=FINE_BINS + 1).cpu().numpy()
        self.counts += counts[:FINE_BINS]
        self.counts[-1] += counts[FINE_BINS:].sum()
        return squares

    def join(self, other: Tally) -> None:
        """Add what another tally of the same bins counted; `squares` are the caller's to sum."""
        self.counts += other.counts
        self.smallest = min(self.smallest, other.smallest)
        self.largest = max(self.largest, other.largest)


def _chunks(values_P: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """View the values as whole rows of `CHUNK`, and the rest."""
    whole = len(values_P) // CHUNK * CHUNK
    return values_P[:whole].view(-1, CHUNK), values_P[whole:]


def coarse_bins(tally: Tally, fine: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges of at most `bins` equal bins over the occupied fine ones, and where each starts."""
    occupied = np.flatnonzero(fine)
    first, last = int(occupied[0]), int(occupied[-1]) + 1
    step = -(-(last - first) // bins)
    slots = np.arange(first, last, step)
    # The last bin may reach beyond the occupied fine bins; its neighbours there are empty.
    edges = np.append(slots, slots[-1] + step) * tally.width - tally.reach
    return edges, slots


def quantiles(tally: Tally, fine: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Quantiles read off the fine bins, to within one bin width."""
    upto = np.cumsum(fine)

    def nth_smallest(n: np.ndarray) -> np.ndarray:
        bins = np.searchsorted(upto, n, side="right")
        inside = (n - upto[bins] + fine[bins] + 0.5) / fine[bins]
        return np.asarray((bins + inside) * tally.width - tally.reach)

    ranks = levels * (upto[-1] - 1)
    lower = np.floor(ranks).astype(np.int64)
    upper = np.minimum(lower + 1, upto[-1] - 1)
    below, above = nth_smallest(lower), nth_smallest(upper)
    values: np.ndarray = below + (ranks - lower) * (above - below)
    return values


def standard_error(estimates: list[np.ndarray]) -> np.ndarray:
    """Return the standard error of the mean of independent estimates."""
    spread: np.ndarray = np.std(estimates, axis=0, ddof=1)
    return spread / math.sqrt(len(estimates))
