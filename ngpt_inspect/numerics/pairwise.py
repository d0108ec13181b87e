"""The distribution of dot products over all pairs of different rows.

Shapes: V rows, D columns, B bins, Q quantile levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ngpt_inspect.numerics.directions import row_norms
from ngpt_inspect.numerics.finite import require_finite
from ngpt_inspect.numerics.tiles import ExtremePairs, Rows, Tally, tiles

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

BUDGET = 3e13
"""Floating-point operations an exact answer may take: some minutes on two cores."""
SORTED_PAIRS = 1 << 22
"""Up to so many pairs the values are kept and sorted, and quantiles are exact."""
GROUPS = 32
"""A sample is this many groups of rows; their spread gives the standard errors."""


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
    """Largest error of a quantile from binning: 0 when values were sorted."""
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
    progress: Callable[[int, int], None] | None = None,
) -> PairwiseDots:
    """Distribution of x_i . x_j over all V (V - 1) / 2 pairs of different rows.

    Products are taken in tiles, each pair once: in float32 for rows stored in float32 or less, else
    in float64; counted in int64. Besides the rows themselves it holds at most 256 MB.

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
        within each of 32 random groups of rows that share no row.
    seed : int
        Of the sample.
    progress : callable, optional
        Called with (pairs done, pairs to do) after each tile.

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
    ids_N = (norms_V > 0).nonzero().squeeze(1) if normalize else torch.arange(len(x_VD))
    ids_N = ids_N.to(x_VD.device)
    count = len(ids_N)
    if count < 2:
        msg = f"pairs need at least two rows, got {count} (and {zero_rows} of norm zero)"
        raise ValueError(msg)
    n_pairs = count * (count - 1) // 2
    largest_norm = float(norms_V.max())
    single = x_VD.dtype != torch.float64 and (normalize or largest_norm < 1e15)
    rows = Rows(x_VD, ids_N, norms_V, normalize, torch.float32 if single else torch.float64)
    mean = _mean(rows, n_pairs)
    work = 2.0 * x_VD.shape[1]
    exact = exact or n_pairs * work <= budget or count < 4 * GROUPS
    groups = [rows] if exact else _random_groups(rows, budget / work, seed)
    found = _measure(groups, mean, n_extremes, progress)
    return _summary(found, mean, n_pairs, exact, zero_rows, bins, n_levels)


@dataclass
class _Found:
    tallies: list[Tally]
    values: np.ndarray | None
    largest: ExtremePairs
    smallest: ExtremePairs


def _mean(rows: Rows, n_pairs: int) -> float:
    """Mean over the pairs from |sum x|^2 = sum |x|^2 + 2 sum over pairs, in float64."""
    import torch

    total_D = torch.zeros(rows.x_VD.shape[1], dtype=torch.float64, device=rows.x_VD.device)
    step = max(1, (1 << 22) // rows.x_VD.shape[1])
    squares = 0.0
    for first in range(0, len(rows.ids_N), step):
        block = rows.block(first, first + step, torch.float64)
        total_D += block.sum(0)
        squares += float((block * block).sum())
    return (float(total_D @ total_D) - squares) / (2 * n_pairs)


def _random_groups(rows: Rows, pairs: float, seed: int) -> list[Rows]:
    """Disjoint random groups of rows whose inner pairs number about `pairs` together."""
    import torch

    count = len(rows.ids_N)
    size = min(count // GROUPS, max(2, math.isqrt(int(2 * pairs / GROUPS))))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    order = order.to(rows.ids_N.device)
    chosen = (order[k * size : (k + 1) * size].sort().values for k in range(GROUPS))
    return [
        Rows(rows.x_VD, rows.ids_N[c], rows.norms_V, rows.normalize, rows.dtype) for c in chosen
    ]


def _measure(
    groups: list[Rows],
    centre: float,
    n_extremes: int,
    progress: Callable[[int, int], None] | None,
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
            tally.add(tile.values_P)
            if progress is not None:
                progress(done, todo)
        tallies.append(tally)
    values = np.sort(np.concatenate(kept)) if keep else None
    return _Found(tallies, values, largest, smallest)


def _summary(
    found: _Found,
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
    low, high = min(t.smallest for t in tallies), max(t.largest for t in tallies)
    edges, slots = _coarse_bins(tallies[0], fine, bins)
    levels = np.linspace(0, 1, n_levels)
    if found.values is not None:
        quantiles = np.quantile(found.values, levels).astype(np.float64)
    else:
        quantiles = _quantiles(tallies[0], fine, levels).clip(low, high)
        quantiles[[0, -1]] = low, high
    std = math.sqrt(sum(t.squares for t in tallies) / measured)
    share_errors = quantile_errors = None
    std_error = 0.0
    if not exact:
        shares = [np.add.reduceat(t.counts, slots) / t.counts.sum() for t in tallies]
        share_errors = _standard_error(shares)
        quantile_errors = _standard_error([_quantiles(t, t.counts, levels) for t in tallies])
        stds = [np.array(math.sqrt(t.squares / t.counts.sum())) for t in tallies]
        std_error = float(_standard_error(stds))
    return PairwiseDots(
        n_pairs=n_pairs,
        pairs_measured=measured,
        exact=exact,
        zero_rows=zero_rows,
        edges=edges,
        counts=np.add.reduceat(fine, slots),
        levels=levels,
        quantiles=quantiles,
        quantile_error=0.0 if found.values is not None else tallies[0].width,
        mean=mean,
        std=std,
        largest=tuple(Pair(*f) for f in found.largest.found),
        smallest=tuple(Pair(*f) for f in found.smallest.found),
        share_standard_errors=share_errors,
        quantile_standard_errors=quantile_errors,
        std_standard_error=std_error,
    )


def _coarse_bins(tally: Tally, fine: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges of at most `bins` equal bins over the occupied fine ones, and where each starts."""
    occupied = np.flatnonzero(fine)
    first, last = int(occupied[0]), int(occupied[-1]) + 1
    step = -(-(last - first) // bins)
    slots = np.arange(first, last, step)
    # The last bin may reach beyond the occupied fine bins; its neighbours there are empty.
    edges = np.append(slots, slots[-1] + step) * tally.width - tally.reach
    return edges, slots


def _quantiles(tally: Tally, fine: np.ndarray, levels: np.ndarray) -> np.ndarray:
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


def _standard_error(estimates: list[np.ndarray]) -> np.ndarray:
    """Return the standard error of the mean of independent estimates."""
    spread: np.ndarray = np.std(estimates, axis=0, ddof=1)
    return spread / math.sqrt(len(estimates))
