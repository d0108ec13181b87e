"""Gram matrices in float64, streamed over rows of the stored values.

Shapes: O rows, I columns.
"""

from __future__ import annotations

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.finite import row_blocks

ROW_BLOCK_ELEMENTS = 1 << 21
"""Values multiplied at a time with a matrix, which is read anew each time."""
COLUMN_BLOCK = 512


def gram_matrix(
    w_OI: torch.Tensor, scale: float = 1.0, centre: torch.Tensor | None = None
) -> torch.Tensor:
    """(scale (W - centre))^T (scale (W - centre)) in float64, with `scale` a power of two.

    Only the blocks on and below the diagonal are multiplied, so it costs little more than
    half of one product, and rows are widened a block at a time, so no float64 copy of W is made.

    Parameters
    ----------
    w_OI : tensor of shape (O, I)
        Any floating dtype; widened exactly.
    scale : float
        Keeps the squares of very large or very small values in range.
    centre : tensor of shape (I,), float64, optional
        Subtracted from every row.

    Returns
    -------
    tensor of shape (I, I), float64, exactly symmetric
    """
    total = GramSum(w_OI.shape[1], w_OI.device)
    for rows in row_blocks(w_OI, ROW_BLOCK_ELEMENTS):
        wide = rows.double() if centre is None else rows.double() - centre
        total.add(wide if scale == 1.0 else wide * scale)
    return total.whole()


class GramSum:
    """X^T X as blocks of the rows of X come in."""

    def __init__(self, columns: int, device: torch.device) -> None:
        self.lower_II = torch.zeros(columns, columns, dtype=torch.float64, device=device)

    def add(self, wide: torch.Tensor) -> None:
        """Add what a block of rows in float64 makes of it, on and below the diagonal."""
        columns = len(self.lower_II)
        step = min(COLUMN_BLOCK, max(128, columns // 8))
        for first in range(0, columns, step):
            last = min(first + step, columns)
            self.lower_II[first:last, :last].addmm_(wide[:, first:last].T, wide[:, :last])

    def whole(self) -> torch.Tensor:
        """Return it, exactly symmetric, in the same memory."""
        whole = self.lower_II
        for first in range(0, len(whole), COLUMN_BLOCK):
            last = first + COLUMN_BLOCK
            whole[:first, first:last] = whole[first:last, :first].T
            corner = whole[first:last, first:last]
            corner.copy_(corner.tril() + corner.tril(-1).T)
        return whole
