"""The mean dot product over all pairs of rows, exact to rounding in float64."""

from __future__ import annotations

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.tiles import TiledRows


def mean_product(rows: TiledRows, n_pairs: int) -> float:
    """Mean over the pairs in float64: neighbours are multiplied, then added to one row, and again.

    No row is squared, so that one of them may be as long as all others together.
    """
    step = max(1, (1 << 20) // rows.x_VD.shape[1])
    total, sums = 0.0, []
    for first in range(0, len(rows.ids_N), step):
        products, whole_1D = _joined(rows.block(first, first + step, torch.float64))
        total += products
        sums.append(whole_1D)
    mean = (total + _joined(torch.cat(sums))[0]) / n_pairs
    return min(1.0, max(-1.0, mean)) if rows.normalize else mean


def _joined(rows: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Return the sum of the products of all pairs of rows, and the sum of the rows."""
    total = 0.0
    while len(rows) > 1:
        even = len(rows) // 2 * 2
        first, second = rows[0:even:2], rows[1:even:2]
        total += float(torch.linalg.vecdot(first, second).sum())
        rows = torch.cat((first + second, rows[even:]))
    return total, rows
