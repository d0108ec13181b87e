"""How far two right computations of one number may lie apart, from the problem alone.

No tolerance of a number that is computed in floating point is chosen by what one machine gave:
another processor sums in another order. It follows from the size of the problem, from how much
the problem magnifies errors of its data, and from the precision it is computed or stored in.
"""

from __future__ import annotations

import math

import torch

SAFETY = 16.0
"""Over eps sqrt(size), the growth of errors that are independent (Higham and Mary, A new approach
to probabilistic rounding error analysis, 2019): for what a factorisation does besides."""
SQUARED_UP_TO = 1e4
"""The kappa up to which a Gram matrix may stand for a matrix: its errors go with kappa squared."""


def rounding(size: float = 1, kappa: float = 1.0, dtype: torch.dtype = torch.float64) -> float:
    """Relative error of what is computed from `size` numbers of a dtype.

    16 eps sqrt(size) kappa, where `kappa` is how much the problem magnifies relative errors of its
    data: sum |x| / |sum x| for a sum, sigma_max / sigma_min for a smallest singular value.
    """
    return SAFETY * torch.finfo(dtype).eps * math.sqrt(size) * kappa


def singular(size: float, kappa: float = 1.0) -> float:
    """Relative error, in float64, of singular values that may have been squared on the way.

    `size` is the shorter side of the matrix and `kappa` the ratio of its ends.
    """
    return rounding(size, max(kappa, min(kappa, SQUARED_UP_TO) ** 2))
