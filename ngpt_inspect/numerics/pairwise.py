"""The distribution of dot products over all pairs of different rows.

Shapes: V rows, D columns, B bins, Q quantile levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ngpt_inspect.numerics.binning import Tally, coarse_bins, quantiles, standard_error
from ngpt_inspect.numerics.directions import row_norms
from ngpt_inspect.numerics.finite import require_finite
from ngpt_inspect.numerics.heartbeat import beat
from ngpt_inspect.numerics.tiles import GROUPS, ExtremePairs, TiledRows, random_groups, tiles

if TYPE_CHECKING:
    import torch

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
    share_standard_errors: np.ndarray | None
    """Standard error of counts / pairs_measured, shape (B,); None when exact."""
    quantile_standard_errors: np.ndarray | None
    """Standard error of each quantile, shape (Q,); None when exact."""
    std_standard_error: float
    """0 when exact."""
    dtype: str
    """In which the products were taken that curve, counts and spread are of. The mean and the
    named pairs are in float64."""
    in_range: bool = True
    """False where products of these rows overflow float64, or vanish below it."""


def pairwise_dots(
    x_VD: torch.Tensor,
    *,
    normalize: bool = False,
    bins: int = 1000,
    n_levels: int = 1001,
    n_extremes: int = 10,
    exact: bool = False,
    budget: float = BUDGET,
    seed: int = 0,
) -> PairwiseDots:
    """Distribution of x_i . x_j over all V (V - 1) / 2 pairs of different rows.

    Products are taken in tiles, each pair once: in float32 for rows stored in float32 or less, else
    (and where the spread is one of rounding) in float64; counted in int64. The mean and the named
    pairs are in float64. Besides the rows themselves it holds at most 256 MB.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype, on any device.
    normalize : bool
        Cosines instead of raw dot products; rows of norm zero are left out and counted.
    bins : int
        Upper limit on the number of bins of the histogram.
    n_levels : int
        Number of equally spaced quantile levels.
    n_extremes : int
        How many pairs of largest and of smallest value to name.
    exact : bool
        Measure every pair whatever it costs.
    budget : float
        Floating-point operations, 2 D a pair, above which a sample is taken instead: all pairs
        within each of 32 random groups of rows that share no row. Standard errors come from the
        spread between groups; they are too large, never too small, where most rows are drawn.
    seed : int
        Of the sample.

    Returns
    -------
    PairwiseDots

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    ValueError
        If there are not two rows to compare.

    References
    ----------
    nGPT, arXiv 2410.01131, figure 4 right, plots the sorted raw products.
    """
    import torch

    require_finite(x_VD)
    norms_V = row_norms(x_VD)
    zero_rows = int((norms_V == 0).sum())
    kept_V = norms_V > 0 if normalize else torch.ones_like(norms_V, dtype=torch.bool)
    ids_N = kept_V.nonzero().squeeze(1)
    count = len(ids_N)
    if count < 2:
        msg = f"pairs need at least two rows, got {count} (and {zero_rows} of norm zero)"
        raise ValueError(msg)
    n_pairs = count * (count - 1) // 2
    single = x_VD.dtype != torch.float64
    exponent = 0 if normalize else _exponent(float(norms_V.max()))
    dtype = torch.float32 if single else torch.float64
    rows = TiledRows(x_VD, ids_N, norms_V, normalize, dtype, exponent)
    mean = _mean(rows, n_pairs)
    work = 2.0 * x_VD.shape[1]
    exact = exact or n_pairs * work <= budget or count < 4 * GROUPS
    groups = [rows] if exact else random_groups(rows, budget / work, seed)
    found = _measure(groups, mean, n_extremes)
    if single and found.std <= ALL_ROUNDING * rows.rounding:
        # What float32 leaves of such a spread is its own rounding.
        groups = [replace(group, dtype=torch.float64) for group in groups]
        found = _measure(groups, mean, n_extremes)
    summary = _summary(found, groups, mean, n_pairs, exact, zero_rows, bins, n_levels)
    return _rescaled(summary, 2 * exponent)


def _exponent(largest_norm: float) -> int:
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


@dataclass
class _Found:
    tallies: list[Tally]
    values: np.ndarray | None
    largest: ExtremePairs
    smallest: ExtremePairs

    @property
    def std(self) -> float:
        measured = sum(int(t.counts.sum()) for t in self.tallies)
        return math.sqrt(sum(t.squares for t in self.tallies) / measured)


def _mean(rows: TiledRows, n_pairs: int) -> float:
    """Mean over the pairs in float64: each row times the sum of those before it.

    No row is squared, so that one of them may be as long as all others together.
    """
    import torch

    width = rows.x_VD.shape[1]
    before_1D = torch.zeros(1, width, dtype=torch.float64, device=rows.x_VD.device)
    step = max(1, (1 << 22) // width)
    total = 0.0
    for first in range(0, len(rows.ids_N), step):
        block = rows.block(first, first + step, torch.float64)
        sums = torch.cat((before_1D, block)).cumsum(0)
        total += float((block * sums[:-1]).sum())
        before_1D = sums[-1:]
    mean = total / n_pairs
    return min(1.0, max(-1.0, mean)) if rows.normalize else mean


def _measure(
    groups: list[TiledRows],
    centre: float,
    n_extremes: int,
) -> _Found:
    todo = sum(len(g.ids_N) * (len(g.ids_N) - 1) // 2 for g in groups)
    reach = max(g.reach for g in groups)
    largest, smallest = ExtremePairs(n_extremes, 1), ExtremePairs(n_extremes, -1)
    kept: list[np.ndarray] = []
    keep = len(groups) == 1 and todo <= SORTED_PAIRS
    tallies, done = [], 0
    for group in groups:
        tally = Tally(reach, centre)
        for tile in tiles(group):
            done += len(tile.values_P)
            largest.add(tile, group.ids_N)
            smallest.add(tile, group.ids_N)
            if keep:
                kept.append(tile.values_P.cpu().numpy().copy())
            tally.add(tile)
            beat(done, todo)
        tally.release()
        tallies.append(tally)
    values = np.sort(np.concatenate(kept)) if keep else None
    return _Found(tallies, values, largest, smallest)


def _named(found: ExtremePairs, rows: TiledRows) -> tuple[Pair, ...]:
    """Return the pairs with their products again in float64, in the order of these."""
    import torch

    if not found.found:
        return ()
    i, j = (torch.tensor([f[k] for f in found.found], device=rows.x_VD.device) for k in (1, 2))
    pairs = zip(rows.dots(i, j).tolist(), i.tolist(), j.tolist(), strict=True)
    exact = [Pair(*pair) for pair in pairs]
    return tuple(sorted(exact, key=lambda pair: -found.sign * pair.value))


def _summary(
    found: _Found,
    groups: list[TiledRows],
    mean: float,
    n_pairs: int,
    exact: bool,
    zero_rows: int,
    bins: int,
    n_levels: int,
) -> PairwiseDots:
    tallies = found.tallies
    fine = np.sum([t.counts for t in tallies], axis=0)
    measured = int(fine.sum())
    largest, smallest = _named(found.largest, groups[0]), _named(found.smallest, groups[0])
    low = smallest[0].value if smallest else min(t.smallest for t in tallies)
    high = largest[0].value if largest else max(t.largest for t in tallies)
    edges, slots = coarse_bins(tallies[0], fine, bins)
    levels = np.linspace(0, 1, n_levels)
    if found.values is not None:
        curve = np.quantile(found.values, levels).astype(np.float64).clip(low, high)
    else:
        curve = quantiles(tallies[0], fine, levels).clip(low, high)
    curve[[0, -1]] = low, high
    width = 0.0 if found.values is not None else tallies[0].width
    share_errors = quantile_errors = None
    std_error = 0.0
    if not exact:
        shares = [np.add.reduceat(t.counts, slots) / t.counts.sum() for t in tallies]
        share_errors = standard_error(shares)
        quantile_errors = standard_error([quantiles(t, t.counts, levels) for t in tallies])
        stds = [np.array(math.sqrt(t.squares / t.counts.sum())) for t in tallies]
        std_error = float(standard_error(stds))
    return PairwiseDots(
        n_pairs=n_pairs,
        pairs_measured=measured,
        exact=exact,
        zero_rows=zero_rows,
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
        share_standard_errors=share_errors,
        quantile_standard_errors=quantile_errors,
        std_standard_error=std_error,
    )
