"""How a column of values becomes a few numbers or a curve: one function a kind of summary."""

from collections.abc import Callable, Iterator

import numpy as np

from ngpt_inspect.measures import Summary

N_QUANTILES = 1001
N_DENSITY = 200
MOST_BINS = 100

Statistic = tuple[str, float | np.ndarray]
"""A name and its number, or its column of numbers by index."""


def _quantile(values: np.ndarray, q: float | np.ndarray) -> np.ndarray:
    """Return quantiles; one that is a value itself is that value, infinite neighbours or not."""
    with np.errstate(invalid="ignore"):
        found: np.ndarray = np.quantile(values, q)
    if not np.isinf(values).any():
        return found
    return np.where(np.isnan(found), np.quantile(values, q, method="higher"), found)


def _near_one(
    statistic: Callable[[np.ndarray], float | np.floating],
) -> Callable[[np.ndarray], float]:
    """Return a statistic of values brought near 1 by a power of two, which no sum overflows."""

    def taken(values: np.ndarray) -> float:
        exponent = int(np.frexp(np.abs(values).max())[1]) if np.isfinite(values).all() else 0
        return float(np.ldexp(statistic(np.ldexp(values, -exponent)), exponent))

    return taken


SCALARS: dict[str, Callable[[np.ndarray], float]] = {
    "median": lambda values: float(_quantile(values, 0.5)),
    "low": lambda values: float(_quantile(values, 0.25)),
    "high": lambda values: float(_quantile(values, 0.75)),
    "min": lambda values: float(values.min()),
    "max": lambda values: float(values.max()),
    "mean": _near_one(np.mean),
    "std": _near_one(np.std),
    "abs_mean": _near_one(lambda values: np.abs(values).mean()),
    "abs_low": lambda values: float(_quantile(np.abs(values), 0.25)),
    "abs_high": lambda values: float(_quantile(np.abs(values), 0.75)),
}
"""Statistics that are one number, by their name in the table."""


def _scalars(*names: str) -> Callable[[np.ndarray], Iterator[Statistic]]:
    return lambda values: ((name, SCALARS[name](values)) for name in names)


def _rank_curve(values: np.ndarray) -> Iterator[Statistic]:
    yield "quantile", _quantile(values, np.linspace(0, 1, N_QUANTILES))


def _density(values: np.ndarray) -> Iterator[Statistic]:
    """Yield a Gaussian kernel density (Scott's bandwidth) and where it was taken.

    Of values that are all at least zero, what the kernels put below zero is reflected at it: a
    size has no density there, and the rest still has area 1 (Silverman 1986, section 2.10).
    """
    if len(values) < 2 or np.ptp(values) == 0:
        return  # a fixed or a single scalar has no density
    width = float(values.std(ddof=1)) * len(values) ** -0.2
    low, high = float(values.min()) - 3 * width, float(values.max()) + 3 * width
    reflected = low < 0 <= values.min()
    at = np.linspace(0.0 if reflected else low, high, N_DENSITY)
    yield "density_at", at
    height = _kernels(values, at, width)
    yield "density", height + _kernels(values, -at, width) if reflected else height


def _kernels(values: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """Return the mean of Gaussians about values, place by place: a vocabulary can be large."""
    heights = np.array([np.exp(-0.5 * ((place - values) / width) ** 2).mean() for place in at])
    return heights / float(width * np.sqrt(2 * np.pi))


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
    yield "bin_left", edges[:-1]
    yield "bin_count", counts.astype(float)


def _log_histogram(values: np.ndarray) -> Iterator[Statistic]:
    """Yield counts in bins of equal ratio, and how many values have no logarithm."""
    positive = values[values > 0]
    if len(positive):
        for name, column in _histogram(np.log10(positive)):
            yield name, 10.0**column if name == "bin_left" else column
    yield "bin_zero", float(len(values) - len(positive))


STATISTICS: dict[Summary, Callable[[np.ndarray], Iterator[Statistic]]] = {
    Summary.HEADS: _scalars("median", "low", "high", "min", "max"),
    Summary.MEAN: _scalars("mean", "std"),
    Summary.MAGNITUDE: _scalars("abs_mean", "abs_low", "abs_high"),
    Summary.SPREAD: _scalars("min", "median", "max"),
    Summary.QUANTILES: _rank_curve,
    Summary.DENSITY: _density,
    Summary.HISTOGRAM: _histogram,
    Summary.LOG_HISTOGRAM: _log_histogram,
}
