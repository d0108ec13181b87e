"""Rows that are unlike the others: by length, by direction, or by being another row's copy.

Shapes: V rows, D columns, N rows chosen.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.directions import directions
from ngpt_inspect.numerics.finite import BLOCK_ELEMENTS, row_blocks

NORMAL = 1.4826
"""1 / 0.6745: the MAD of a normal distribution times this is its standard deviation."""


def robust_z(values_N: torch.Tensor, least_scale: float) -> torch.Tensor:
    """(v - median) / max(1.4826 MAD, least_scale) of every value.

    Half of the values can be outliers before median and MAD (the median distance from the median)
    follow them.

    Parameters
    ----------
    values_N : tensor of shape (N,)
        Finite.
    least_scale : float
        In the unit of the values, above 0: what rounding alone can make of equal values.

    Returns
    -------
    tensor of shape (N,), float64, dimensionless

    References
    ----------
    Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993: they call it the modified
    z-score and label what is beyond 3.5.
    """
    wide = values_N.double()
    if not len(wide):
        return wide
    off = wide - wide.quantile(0.5)
    scale = NORMAL * float(off.abs().quantile(0.5))
    return off / max(scale, least_scale)


def mean_cosines(x_VD: torch.Tensor, of_N: torch.Tensor, among_N: torch.Tensor) -> torch.Tensor:
    """cos(x_i, m) of the rows `of_N`, with m the mean of the unit rows `among_N`, in float64.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype.
    of_N, among_N : tensors of ids, int64
        Rows that are finite and not zero.

    Returns
    -------
    tensor of shape (N,), float64; nan where the mean is zero or of no rows
    """
    total_D = torch.zeros(x_VD.shape[1], dtype=torch.float64, device=x_VD.device)
    step = _rows_of(x_VD)
    for ids in among_N.split(step):
        total_D += directions(x_VD[ids]).sum(0)
    direction_D = total_D / torch.linalg.vector_norm(total_D)
    return torch.cat([directions(x_VD[ids]) @ direction_D for ids in of_N.split(step)])


def equal_rows(x_VD: torch.Tensor) -> torch.Tensor:
    """How many other rows have exactly the values of row i.

    Rows of which the bits add up to the same number are told apart by a 128-bit BLAKE2b digest of
    their values; -0 equals 0, and NaN its like.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype.

    Returns
    -------
    tensor of shape (V,), int64
    """
    sums_V = torch.cat(
        [x_VD.new_zeros(0, dtype=torch.int64), *(_bits(r).sum(1) for r in row_blocks(x_VD))]
    )
    _, which_V, counts = sums_V.unique(return_inverse=True, return_counts=True)
    alike_N = (counts[which_V] > 1).nonzero().squeeze(1)
    digests: list[bytes] = []
    for ids in alike_N.split(_rows_of(x_VD)):
        rows = _bits(x_VD[ids]).cpu().numpy()
        digests += [blake2b(row.tobytes(), digest_size=16).digest() for row in rows]
    count = Counter(digests)
    others_V = torch.zeros(len(x_VD), dtype=torch.int64)
    others_V[alike_N.cpu()] = torch.tensor([count[each] - 1 for each in digests], dtype=torch.int64)
    return others_V


def _bits(rows: torch.Tensor) -> torch.Tensor:
    """Return values as whole numbers, which are equal where they are."""
    wide = rows if rows.dtype == torch.float64 else rows.float()
    wide = (wide + 0.0).masked_fill_(wide.isnan(), float("nan"))  # of NaN there are many
    return wide.view(torch.int64 if wide.dtype == torch.float64 else torch.int32)


def _rows_of(x_VD: torch.Tensor) -> int:
    """Return how many chosen rows are widened at a time."""
    return max(1, BLOCK_ELEMENTS // x_VD.shape[1])
