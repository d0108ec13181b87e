"""What a matrix of independent normal entries of one variance has: the baseline of a spectrum.

Shapes: m rows, n columns; all numbers are the same for m and n exchanged.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from ngpt_inspect.later.numpy import np

TW_MEDIAN = -1.26857
"""Median of the Tracy-Widom law of real matrices (beta = 1)."""
TW_BEYOND = 2.02345
"""What it exceeds in 1 of 100 cases."""
SQUARE = (2 + math.sqrt(4 + 8 * math.log(2))) / (2 * math.log(2))
"""Median of kappa / n of a square matrix, 3.6713: where exp(-2/x - 2/x^2) = 1/2."""
SQUARE_SHARE = 2 * math.exp(4 / 3) / (3 * math.pi)
"""exp H / n of the quarter-circle law, whose end at 0 midpoints miss: E s = 8 / (3 pi), and
E s ln s / E s = 2 ln 2 - 4/3 by the derivative of E s^a = 2^(a+1) B((a+1)/2, 3/2) / pi at 1."""
POINTS = 1 << 12


@dataclass(frozen=True)
class Baseline:
    """Of an m x n matrix whose entries have variance 1."""

    kappa: float
    """Median of sigma_max / sigma_min."""
    stable_rank: float
    """m n / (sqrt m + sqrt n)^2."""
    effective_rank: float
    """exp of the entropy of sigma / sum sigma under the Marchenko-Pastur law."""
    lower: float
    upper: float
    """No singular value lies outside these in 98 of 100 cases."""


@lru_cache(maxsize=256)
def baseline(m: int, n: int) -> Baseline:
    """Give the baseline of an m x n matrix; 1 for all of a single row or column.

    The squared ends of the spectrum are (sqrt m +- sqrt n)^2, moved by a Tracy-Widom variable of
    scale (sqrt m +- sqrt n) |1 / sqrt n +- 1 / sqrt m|^(1/3). So kappa tends to
    (1 + r) / (1 - r), r = sqrt(n / m), from below. Of a square matrix sigma_min has no scale but
    1 / sqrt n, and kappa / n tends to a law with P(kappa / n < x) = exp(-2 / x - 2 / x^2):
    9 of 10 lie between 0.33 and 11 times its median 3.67 n. Where m - n is 1 or 2 neither is
    near (kappa comes out up to 40 % too large).

    References
    ----------
    Marchenko and Pastur, 1967; Edelman, Eigenvalues and condition numbers of random matrices,
    1988, theorem 6.1; Johnstone, On the distribution of the largest eigenvalue, 2001, theorem 1.1;
    Feldheim and Sodin, A universality result for the smallest eigenvalues, 2010.
    """
    m, n = max(m, n), min(m, n)
    if n == 1:
        return Baseline(1.0, 1.0, 1.0, 0.0, math.sqrt(m) + DEVIATIONS)
    top, bottom = math.sqrt(m) + math.sqrt(n), math.sqrt(m) - math.sqrt(n)
    up = top * (1 / math.sqrt(n) + 1 / math.sqrt(m)) ** (1 / 3)
    down = bottom * (1 / math.sqrt(n) - 1 / math.sqrt(m)) ** (1 / 3)
    largest = math.sqrt(top**2 + TW_MEDIAN * up)
    square = SQUARE * n * largest / top
    kappa = square if m == n else largest / math.sqrt(bottom**2 - TW_MEDIAN * down)
    return Baseline(
        kappa=kappa,
        stable_rank=m * n / largest**2,
        effective_rank=n * (SQUARE_SHARE if m == n else _effective_share(n / m)),
        lower=math.sqrt(max(0.0, bottom**2 - TW_BEYOND * down)),
        upper=math.sqrt(top**2 + TW_BEYOND * up),
    )


DEVIATIONS = 2.33
"""A normal variable exceeds so many standard deviations in 1 of 100 cases."""


def _effective_share(c: float) -> float:
    """Exp H / n of the Marchenko-Pastur law of ratio c = n / m, by the midpoint rule.

    With x = 1 + c + 2 sqrt(c) cos t the density is 2 sin^2 t / (pi x) dt, and sigma = sqrt x.
    """
    t = (np.arange(POINTS) + 0.5) * np.pi / POINTS
    x = 1 + c + 2 * math.sqrt(c) * np.cos(t)
    weight = 2 * np.sin(t) ** 2 / x / POINTS
    s = np.sqrt(x)
    mean = float((weight * s).sum())
    return mean * math.exp(-float((weight * s * np.log(s)).sum()) / mean)
