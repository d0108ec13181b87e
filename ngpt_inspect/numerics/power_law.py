"""A power law fitted to the upper tail of positive numbers.

Shapes: N numbers, n of them in a tail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ngpt_inspect.later.numpy import np

SMALL = 20
"""Of fewer numbers the estimate of alpha is corrected for its bias."""
FEWEST = 8
"""A tail has so many numbers where they are so few."""


@dataclass(frozen=True)
class PowerLaw:
    """A fit p(x) ~ x^-alpha for x >= xmin."""

    alpha: float
    xmin: float
    distance: float
    """Kolmogorov-Smirnov distance D of the tail from the law, seen from below each number."""
    standard_error: float
    """Of alpha: (alpha - 1) / sqrt(n)."""
    tail: int
    """How many numbers are at least xmin."""


def power_law(values: np.ndarray) -> PowerLaw | None:
    """Fit a power law, trying every number but the largest as xmin; that of least distance stays.

    alpha = 1 + n / sum ln(x / xmin), the maximum of the likelihood; with n - 1 for n where there
    are fewer than 20 numbers, and then only of tails of at least 8. The distance is
    max |i / n - 1 + (x_i / xmin)^(1 - alpha)| over the i = 0 .. n-1 numbers of a tail in order.

    Parameters
    ----------
    values : array of shape (N,), float64
        Above zero.

    Returns
    -------
    PowerLaw or None
        None where no tail has numbers that differ, or there are fewer than 8.

    References
    ----------
    Clauset, Shalizi and Newman, arXiv 0706.1062, equations 3.1 and 3.9, section 3.3. The choices
    that they leave open are those of WeightWatcher 0.7.7 (`WWFit`).
    """
    x_N = np.sort(np.asarray(values, dtype=np.float64))
    few = len(x_N) < SMALL
    log_N = np.log(x_N)
    best = None
    for i in range(len(x_N) - (FEWEST if few else 2) + 1):
        above_n = log_N[i:] - log_N[i]
        n, total = len(above_n), float(above_n.sum())
        if not total > n * np.finfo(np.float64).eps:
            continue
        exponent = (n - few) / total
        distances_n = np.abs(1 - np.exp(-exponent * above_n) - np.arange(n) / n)
        distance = float(distances_n.max())
        if best is None or distance < best[0]:
            best = distance, i, exponent, n
    if best is None:
        return None
    distance, i, exponent, n = best
    return PowerLaw(1 + exponent, float(x_N[i]), distance, exponent / math.sqrt(n), n)
