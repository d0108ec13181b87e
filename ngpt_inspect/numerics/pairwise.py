"""The distribution of dot products over all pairs of different rows.

Shapes: V rows, D columns, B bins, Q quantile levels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.binning import Tally, coarse_bins, quantiles, standard_error
from ngpt_inspect.numerics.extreme_pairs import ExtremePairs
from ngpt_inspect.numerics.tiles import Hand, Tile, TiledRows

BUDGET = 3e13
"""Floating-point operations an exact answer may take: some minutes on two cores."""
SAFE = (2.0**-30, 2.0**30)
"""Longest rows whose products, and the squares of those, float32 holds as they are."""
ALL_ROUNDING = 1000.0
"""A spread of so many roundings of a product is measured again in float64."""
SORTED_PAIRS = 1 << 22
"""Up to so many pairs the values are kept and sorted, and quantiles are exact."""


@dataclass(frozen=True)
class Pair:
    """Two rows and their dot product."""

    value: float
    first: int
    second: int


@dataclass(frozen=True)
class PairwiseDots:
    """Dot products x_i . x_j over pairs i < j of rows, or their cosines."""

    n_pairs: int
    """Pairs there are, N (N - 1) / 2 for N rows (without zero rows if cosines)."""
    pairs_measured: int
    exact: bool
    """True when every pair was measured; else the numbers are estimates from a sample."""
    zero_rows: int
    """Rows of norm zero; cosines leave them out."""
    edges: np.ndarray
    """Bin edges, shape (B + 1,), equally spaced, covering every measured value."""
    counts: np.ndarray
    """Measured pairs in each bin, shape (B,), int64; they sum to `pairs_measured`."""
    levels: np.ndarray
    """Quantile levels from 0 to 1, shape (Q,)."""
    quantiles: np.ndarray
    """Value at each level, ascending, shape (Q,)."""
    quantile_error: float
    """Largest error of a quantile: the width of a bin, 0 when values were sorted, and what the
    rounding of a product amounts to, 4 u sqrt(D) |x_i| |x_j| of the longest rows with u the unit
    roundoff of `dtype` (Higham and Mary 2019, doi 10.1137/18M1226312, a bound of 4 deviations)."""
    mean: float
    """Over all pairs even when sampled: (|sum x|^2 - sum |x|^2) / (2 n_pairs), in float64."""
    std: float
    """Standard deviation over the measured pairs (population form)."""
    largest: tuple[Pair, ...]
    """Measured pairs of largest value, descending."""
    smallest: tuple[Pair, ...]
    """Measured pairs of smallest value, ascending."""
    quantile_standard_errors: np.ndarray | None
    """Standard error of each quantile, shape (Q,); None when exact."""
    std_standard_error: float
    """0 when exact."""
    dtype: str
    """In which the products were taken that curve, counts and spread are of. The mean and the
    named pairs are in float64."""
    mean_standard_error: float = 0.0
    """Above 0 where only rows that were drawn are looked at; see `sampled_dots`."""
    in_range: bool = True
    """False where products of these rows overflow float64, or vanish below it."""


@dataclass(frozen=True)
class Dots:
    """That the distribution of x_i . x_j over all V (V - 1) / 2 pairs of different rows is wanted.

    Products are taken in float32 for rows stored in float32 or less, else (and where the spread is
    one of rounding) in float64; counted in int64. The mean and the named pairs are in float64.

    References
    ----------
    nGPT, arXiv 2410.01131, figure 4 right, plots the sorted raw products.
    """

    normalize: bool = False
    """Cosines instead of raw dot products; rows of norm zero are left out and counted."""
    bins: int = 1000
    """Upper limit on the number of bins of the histogram."""
    n_levels: int = 1001
    """Number of equally spaced quantile levels."""
    n_extremes: int = 10
    """How many pairs of largest and of smallest value to name."""
    exact: bool = False
    """Measure every pair whatever it costs."""
    budget: float = BUDGET
    """Floating-point operations, 2 D a pair, above which a sample is taken instead: all pairs
    within each of 32 random groups of rows that share no row. Standard errors come from the
    spread between groups; they are too large, never too small, where most rows are drawn."""
    seed: int = 0
    """Of the sample."""


def exponent_of(largest_norm: float) -> int:
    """Return e for which 2^-e brings rows of these norms near 1; 0 where products are in range."""
    return 0 if SAFE[0] <= largest_norm <= SAFE[1] else math.frexp(largest_norm)[1]


def _rescaled(found: PairwiseDots, exponent: int) -> PairwiseDots:
    """Undo the scaling of the rows; numbers that float64 cannot hold become inf or 0, and say so.

    The scaling is by a power of two, hence exact.
    """
    if not exponent:
        return found

    def back(value: Any) -> Any:
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(value, exponent)

    def pairs(of: tuple[Pair, ...]) -> tuple[Pair, ...]:
        return tuple(replace(pair, value=float(back(pair.value))) for pair in of)

    ends = np.array([found.quantiles[0], found.quantiles[-1], found.std, found.mean])
    after = back(ends)
    errors = found.quantile_standard_errors
    return replace(
        found,
        edges=back(found.edges),
        quantiles=back(found.quantiles),
        quantile_error=float(back(found.quantile_error)),
        mean=float(back(found.mean)),
        std=float(back(found.std)),
        largest=pairs(found.largest),
        smallest=pairs(found.smallest),
        quantile_standard_errors=None if errors is None else back(errors),
        std_standard_error=float(back(found.std_standard_error)),
        in_range=bool(np.isfinite(after).all() and ((after != 0) | (ends == 0)).all()),
    )


class Spread:
    """Products of one kind as they are gathered tile by tile, in one or several groups of rows."""

    def __init__(self, groups: Sequence[TiledRows], centre: float, n_extremes: int) -> None:
        count = len(groups[0].ids_N)
        self.reach = max(group.reach for group in groups)
        self.centre = centre
        self.largest, self.smallest = ExtremePairs(n_extremes, 1), ExtremePairs(n_extremes, -1)
        keep = len(groups) == 1 and count * (count - 1) // 2 <= SORTED_PAIRS
        self.kept: list[np.ndarray] | None = [] if keep else None
        self.tallies: list[Tally] = []
        self._hands: dict[Hand, Tally] = {}

    def look(self, hand: Hand, tile: Tile, ids_N: torch.Tensor) -> Glance:
        """Count the values of a tile; in one of several threads."""
        return self.ends_of(tile, ids_N, self.tally_of(hand).add(tile))

    def tally_of(self, hand: Hand) -> Tally:
        """Return what this thread counts in."""
        if hand not in self._hands:
            self._hands[hand] = Tally(self.reach, self.centre)
        return self._hands[hand]

    def ends_of(self, tile: Tile, ids_N: torch.Tensor, squares: float) -> Glance:
        """Return what may be named of a tile whose values are counted."""
        found = [each.look(tile, ids_N) for each in (self.largest, self.smallest)]
        kept = None if self.kept is None else tile.values_P.cpu().numpy().copy()
        return Glance(found[0], found[1], squares, kept)

    def bars(self, hand: Hand) -> tuple[float, float]:
        """Return the ends that a value must lie beyond to matter to any but the counts."""
        if not self.largest.k:
            return tuple(self.tally_of(hand).ends)
        return self.smallest.bar, self.largest.bar

    def take(self, seen: Glance) -> None:
        """Take what was seen in a tile, in the order of the tiles."""
        self.largest.take(seen.largest)
        self.smallest.take(seen.smallest)
        self._squares += seen.squares
        if self.kept is not None and seen.kept is not None:
            self.kept.append(seen.kept)

    @contextmanager
    def group(self) -> Iterator[None]:
        """Gather a group of rows: what threads counted of it becomes one tally."""
        self._hands, self._squares = {}, 0.0
        yield
        tally = Tally(self.reach, self.centre)
        for each in self._hands.values():
            tally.join(each)
        tally.squares = self._squares
        self.tallies.append(tally)
        self._hands = {}

    @property
    def std(self) -> float:
        """Standard deviation over what was measured (population form)."""
        measured = sum(int(t.counts.sum()) for t in self.tallies)
        return math.sqrt(sum(t.squares for t in self.tallies) / measured)


@dataclass(frozen=True)
class Glance:
    """What a thread saw in one tile."""

    largest: list[tuple[float, int, int]]
    smallest: list[tuple[float, int, int]]
    squares: float
    kept: np.ndarray | None


def _named(found: ExtremePairs, rows: TiledRows) -> tuple[Pair, ...]:
    """Return the pairs with their products again in float64, in the order of these."""
    if not found.found:
        return ()
    i, j = (torch.tensor([f[k] for f in found.found], device=rows.x_VD.device) for k in (1, 2))
    pairs = zip(rows.dots(i, j).tolist(), i.tolist(), j.tolist(), strict=True)
    exact = [Pair(*pair) for pair in pairs]
    return tuple(sorted(exact, key=lambda pair: -found.sign * pair.value))


def summary(
    want: Dots,
    found: Spread,
    groups: Sequence[TiledRows],
    exact: bool,
    mean: float,
    n_pairs: int,
    zeros: int,
) -> PairwiseDots:
    """Return what is wanted of products that were gathered in these groups of rows.

    `mean` and `n_pairs` are of all pairs, also beside a sample; `zeros` counts rows of norm zero.
    """
    tallies = found.tallies
    fine = np.sum([t.counts for t in tallies], axis=0)
    measured = int(fine.sum())
    ends = (found.largest, found.smallest)
    largest, smallest = (_named(each, groups[0])[: want.n_extremes] for each in ends)
    low = smallest[0].value if smallest else min(t.ends[0] for t in tallies)
    high = largest[0].value if largest else max(t.ends[1] for t in tallies)
    edges, slots = coarse_bins(tallies[0], fine, want.bins)
    levels = np.linspace(0, 1, want.n_levels)
    if found.kept is not None:
        values = np.sort(np.concatenate(found.kept))
        curve = np.quantile(values, levels).astype(np.float64).clip(low, high)
    else:
        curve = quantiles(tallies[0], fine, levels).clip(low, high)
    curve[[0, -1]] = low, high
    width = 0.0 if found.kept is not None else tallies[0].width
    quantile_errors = None
    std_error = 0.0
    if not exact:
        quantile_errors = standard_error([quantiles(t, t.counts, levels) for t in tallies])
        stds = [np.array(math.sqrt(t.squares / t.counts.sum())) for t in tallies]
        std_error = float(standard_error(stds))
    of_rows = PairwiseDots(
        n_pairs=n_pairs,
        pairs_measured=measured,
        exact=exact,
        zero_rows=zeros,
        edges=edges,
        counts=np.add.reduceat(fine, slots),
        levels=levels,
        quantiles=curve,
        quantile_error=width + max(group.product_error for group in groups),
        mean=mean,
        std=found.std,
        largest=largest,
        smallest=smallest,
        dtype=str(groups[0].dtype).removeprefix("torch."),
        quantile_standard_errors=quantile_errors,
        std_standard_error=std_error,
    )
    return _rescaled(of_rows, 2 * groups[0].exponent)
