"""The law of cosines between points spread uniformly over a sphere, and what follows from it.

Of two independent uniform directions in d dimensions (1 + cos) / 2 is Beta((d-1)/2, (d-1)/2): the
angle from the opposite point, t with cos = -cos t, has density proportional to sin^(d-2) t, which
is smooth for every d >= 2 and is what is integrated here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from ngpt_inspect.later.numpy import np

CELLS = 1 << 14
SERIES = 60
"""Terms of a series whose n-th is below 4^n / n!^2."""


@dataclass(frozen=True)
class CosineLaw:
    """The distribution of the cosine of two uniform directions in some dimension."""

    dimension: int
    angles: np.ndarray
    """Grid over 0 to pi, shape (CELLS + 1,)."""
    below: np.ndarray
    """Probability of a smaller one at each."""
    density: np.ndarray
    """Of the angle, at each."""

    def cdf(self, cosines: np.ndarray) -> np.ndarray:
        """Probability of a smaller cosine, to 1e-12, by cubic interpolation in the angle."""
        step = self.angles[1]
        at = np.arccos(-np.clip(cosines, -1.0, 1.0)) / step
        cell = np.minimum(at.astype(np.int64), CELLS - 1)
        t = at - cell
        f0, f1 = self.below[cell], self.below[cell + 1]
        g0, g1 = step * self.density[cell], step * self.density[cell + 1]
        inside = t * (g0 * (1 - t) ** 2 + t * ((3 - 2 * t) * (f1 - f0) - g1 * (1 - t)))
        found: np.ndarray = f0 + inside
        return found

    def heights(self, edges: np.ndarray) -> np.ndarray:
        """Mean density of the cosine between neighbouring edges: finite for any dimension."""
        found: np.ndarray = np.diff(self.cdf(edges)) / np.diff(edges)
        return found

    def log_distances(self, shares: np.ndarray) -> np.ndarray:
        """Ln |x - y| below which so small a share of all points y lies, seen from x."""
        # Seen from the opposite point: the nearest are those of smallest t, exact in its tail,
        # where the share grows as t^(d - 1).
        known = self.below > 0
        grid, below = np.log(self.angles[known]), np.log(self.below[known])
        logs = np.log(shares)
        inner = np.minimum(logs - below[0], 0.0) / max(self.dimension - 1, 1)
        t = np.exp(np.interp(logs, below, grid) + inner)
        found: np.ndarray = np.log(2 * np.sin(t / 2))
        return found


@lru_cache(maxsize=8)
def cosine_law(dimension: int) -> CosineLaw:
    """Return the law in `dimension` >= 2 dimensions, by Simpson's rule on a grid of angles."""
    t = np.linspace(0, math.pi, 2 * CELLS + 1)
    with np.errstate(divide="ignore", under="ignore"):
        weight = np.exp((dimension - 2) * np.log(np.sin(t).clip(0))) if dimension > 2 else t * 0 + 1
    cells = (weight[:-2:2] + 4 * weight[1::2] + weight[2::2]) * (math.pi / CELLS / 6)
    total = cells.sum()
    below = np.concatenate([[0.0], cells.cumsum()]) / total
    return CosineLaw(dimension, t[::2], below.clip(0, 1), weight[::2] / total)


def uniform_potential(dimension: int) -> float:
    """Ln E exp(-2 |x - y|^2) of two uniform directions: -4 + ln 0F1(; d/2; 4)."""
    term = total = 1.0
    for n in range(SERIES):
        term *= 4 / ((dimension / 2 + n) * (n + 1))
        total += term
    return math.log(total) - 4


def uniform_two_nn(dimension: int, count: int) -> float:
    """1 / E ln (r2 / r1) of the two nearest of `count` uniform directions: what TwoNN gives.

    Shares u of points nearer than the first and second of n = count - 1 have the densities
    n (1-u)^(n-1) and n (n-1) u (1-u)^(n-2); integrated over ln u.
    """
    n = count - 1
    nodes, weights = np.polynomial.legendre.leggauss(8)
    starts = np.arange(-60.0, 0.0, 0.1)
    s = (starts[:, None] + 0.05 * (nodes + 1)).ravel()
    u, log_rest = np.exp(s), np.log(-np.expm1(s))
    first = n * u * np.exp((n - 1) * log_rest)
    second = n * (n - 1) * u * u * np.exp((n - 2) * log_rest)
    found = cosine_law(dimension).log_distances(u) * (second - first)
    return float(1 / (0.05 * np.tile(weights, len(starts)) @ found))
