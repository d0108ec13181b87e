"""How a column of values becomes a few numbers or a curve: one function a kind of summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ngpt_inspect.measures import Summary

N_QUANTILES = 1001
N_DENSITY = 200
MOST_BINS = 100

Statistic = tuple[str, float | np.ndarray]
"""A suffix and its number, or its column of numbers by index."""


def _quantile(values: np.ndarray, q: float | np.ndarray) -> np.ndarray:
    """Return quantiles; between two infinite values lies an infinite one."""
    with np.errstate(invalid="ignore"):
        found = np.quantile(values, q)
    return np.where(np.isnan(found), np.inf, found) if np.isinf(values).any() else found


def _over_heads(values: np.ndarray) -> Iterator[Statistic]:
    for suffix, q in (
        ("_median", 0.5),
        ("_low", 0.25),
        ("_high", 0.75),
        ("_min", 0.0),
        ("_max", 1.0),
    ):
        yield suffix, float(_quantile(values, q))


def _mean(values: np.ndarray) -> Iterator[Statistic]:
    # Near 1 by a power of two: neither sum nor squares leave the range of float64.
    exponent = int(np.frexp(np.abs(values).max())[1]) if np.isfinite(values).all() else 0
    near = np.ldexp(values, -exponent)
    yield "_mean", float(np.ldexp(near.mean(), exponent))
    yield "_std", float(np.ldexp(near.std(), exponent))


def _magnitude(values: np.ndarray) -> Iterator[Statistic]:
    sizes = np.abs(values)
    yield "_abs_mean", float(sizes.mean())
    yield "_abs_low", float(_quantile(sizes, 0.25))
    yield "_abs_high", float(_quantile(sizes, 0.75))


def _spread(values: np.ndarray) -> Iterator[Statistic]:
    yield "_min", float(values.min())
    yield "_median", float(_quantile(values, 0.5))
    yield "_max", float(values.max())


def _rank_curve(values: np.ndarray) -> Iterator[Statistic]:
    yield "_quantile", _quantile(values, np.linspace(0, 1, N_QUANTILES))


def _density(values: np.ndarray) -> Iterator[Statistic]:
    """Yield a Gaussian kernel density (Scott's bandwidth) and where it was taken.

    Where no value is below zero, what the kernels would put there is reflected at it: sizes have
    no density below zero, and the rest still integrates to one.
    """
    from scipy.stats import gaussian_kde

    if len(values) < 2 or np.ptp(values) == 0:
        return  # a fixed or a single scalar has no density
    kernel = gaussian_kde(values)
    margin = 3 * float(np.sqrt(kernel.covariance[0, 0]))
    bounded = bool(values.min() >= 0)
    low = values.min() - margin
    at = np.linspace(max(low, 0.0) if bounded else low, values.max() + margin, N_DENSITY)
    yield "_density_at", at
    yield "_density", kernel(at) + kernel(-at) if bounded and low < 0 else kernel(at)


def _histogram(values: np.ndarray) -> Iterator[Statistic]:
    """Yield counts in at most `MOST_BINS` equal bins, as many as Rice's rule says: 2 n^(1/3).

    Values that are all the same, or closer together than bins can be, are in one bin of no
    width.
    """
    n_bins = min(int(np.ceil(2 * len(values) ** (1 / 3))), MOST_BINS)
    edges = np.linspace(values.min(), values.max(), n_bins + 1)
    if (np.diff(edges) <= 0).any():
        edges = np.array([values.min(), values.max()])
        counts = np.array([len(values)])
    else:
        counts, _ = np.histogram(values, edges)
    yield "_bin_left", edges[:-1]
    yield "_bin_count", counts.astype(float)


def _log_histogram(values: np.ndarray) -> Iterator[Statistic]:
    """Yield counts in bins of equal ratio, and how many values have no logarithm."""
    positive = values[values > 0]
    if len(positive):
        for suffix, column in _histogram(np.log10(positive)):
            yield suffix, 10.0**column if suffix == "_bin_left" else column
    yield "_bin_zero", float(len(values) - len(positive))


def _pool(values: np.ndarray) -> Iterator[Statistic]:
    for found in (_mean(values), _magnitude(values), _histogram(values), _density(values)):
        for suffix, value in found:
            yield f"_pooled{suffix}", value


def _pooled_mean(values: np.ndarray) -> Iterator[Statistic]:
    for suffix, value in _mean(values):
        yield f"_pooled{suffix}", value


def _pooled_heads(values: np.ndarray) -> Iterator[Statistic]:
    for suffix, value in _over_heads(values):
        yield f"_pooled{suffix}", value


STATISTICS: dict[Summary, Callable[[np.ndarray], Iterator[Statistic]]] = {
    Summary.HEADS: _over_heads,
    Summary.MEAN: _mean,
    Summary.MAGNITUDE: _magnitude,
    Summary.SPREAD: _spread,
    Summary.QUANTILES: _rank_curve,
    Summary.DENSITY: _density,
    Summary.HISTOGRAM: _histogram,
    Summary.LOG_HISTOGRAM: _log_histogram,
    Summary.POOLED: _pool,
    Summary.POOLED_MEAN: _pooled_mean,
    Summary.POOLED_HEADS: _pooled_heads,
}
