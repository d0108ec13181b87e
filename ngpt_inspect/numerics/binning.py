"""Running counts of values in fine bins, and what is read off them.

Shapes: P values of one tile, F fine bins, B bins, Q quantile levels.
"""

from __future__ import annotations

import math

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.tiles import Tile

FINE_BINS = 1 << 18
CHUNK = 1024
PIECE = CHUNK << 7
"""Values taken through all steps at a time: half a megabyte of float32."""
LEAST_REACH = 2.0**-900
"""Of less the bins have no width in float64: all values lie in those beside zero then."""
MOST = 1 << 30
"""Values counted in int32 before they are added up in int64."""


class Tally:
    """Counts in fine bins of equal width over [-reach, reach], and the spread about a centre."""

    def __init__(self, reach: float, centre: float) -> None:
        self.reach = reach if reach > LEAST_REACH else 1.0
        self.centre = centre
        self.squares = 0.0
        self.ends = np.array([np.inf, -np.inf])
        """The smallest and the largest value."""
        self._counts = np.zeros(FINE_BINS, dtype=np.int64)
        self._desk: Desk | None = None

    @property
    def counts(self) -> np.ndarray:
        """How many values lie in each fine bin, int64."""
        if self._desk is not None and self._desk.counted:
            self._counts += self._desk.cleared()
        return self._counts

    @property
    def width(self) -> float:
        """Width of a fine bin."""
        return 2 * self.reach / FINE_BINS

    @property
    def zero(self) -> float:
        """In which place, in fine bins, the centre lies."""
        return (self.reach + self.centre) / self.width

    def desk(self, like: torch.Tensor, n_values: int) -> Desk:
        """Return where so many values more, of this dtype and on this device, are counted."""
        if self._desk is None:
            self._desk = Desk(like)
        if self._desk.counted + n_values > MOST:
            self._counts += self._desk.cleared()
        self._desk.counted += n_values
        return self._desk

    def add(self, tile: Tile) -> float:
        """Count the values of a tile; return the sum of their squares about the centre."""
        self._reach_to(np.array([tile.low, tile.high]))
        desk = self.desk(tile.values_P, len(tile.values_P))
        zero = tile.values_P.new_tensor(self.zero)
        norms = []
        for values in tile.values_P.split(PIECE):
            off = torch.sub(values, self.centre, out=desk.values[: len(values)])
            norms += [torch.linalg.vector_norm(part, dim=-1) for part in _chunks(off)]
            desk.count(torch.add(zero, off, alpha=1 / self.width, out=off))
        # Short float32 sums joined in float64: as exact as widening first, and far faster.
        squares = float(torch.cat([each.view(-1) for each in norms]).double().square().sum())
        self.squares += squares
        return squares

    def join(self, other: Tally) -> None:
        """Add what another tally of the same bins counted; `squares` are the caller's to sum."""
        self._counts += other.counts
        self._reach_to(other.ends)

    def _reach_to(self, ends: np.ndarray) -> None:
        self.ends[:] = min(self.ends[0], ends[0]), max(self.ends[1], ends[1])


class Desk:
    """Room for one piece of values, which stays near the core from one step to the next."""

    def __init__(self, like: torch.Tensor) -> None:
        self.values = like.new_empty(PIECE)
        self.counted = 0
        self._bins = torch.empty_like(self.values, dtype=torch.int32)
        self._ones = torch.ones_like(self._bins[:1])
        # Whole numbers: torch.histc counts in float32 and stops at 2^24. No value lies beyond
        # reach; what rounding puts on the last edge has a place of its own.
        self.counts = self._bins.new_zeros(FINE_BINS + 1)

    def count(self, places_P: torch.Tensor) -> None:
        """Count the whole part of each, of which what rounding puts below zero becomes zero."""
        bins_P = self._bins[: len(places_P)].copy_(places_P)
        self.counts.index_add_(0, bins_P, self._ones.expand_as(bins_P))

    def cleared(self) -> np.ndarray:
        """Return the counts, int64, of which there are none afterwards."""
        counts = self.counts.cpu().numpy().astype(np.int64)
        counts[-2] += counts[-1]
        self.counts.zero_()
        self.counted = 0
        return counts[:-1]


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
