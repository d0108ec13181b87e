"""Gram matrices in float64, streamed over rows of the stored values.

Shapes: O rows, I columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.numerics.finite import row_blocks

if TYPE_CHECKING:
    import torch

ROW_BLOCK_ELEMENTS = 1 << 23
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
    import torch

    columns = w_OI.shape[1]
    g_II = torch.zeros(columns, columns, dtype=torch.float64, device=w_OI.device)
    for rows in row_blocks(w_OI, ROW_BLOCK_ELEMENTS):
        wide = rows.double() if centre is None else rows.double() - centre
        if scale != 1.0:
            wide = wide * scale
        step = min(COLUMN_BLOCK, max(128, columns // 8))
        for first in range(0, columns, step):
            last = min(first + step, columns)
            g_II[first:last, :last].addmm_(wide[:, first:last].T, wide[:, :last])
    lower = torch.tril(g_II)
    return lower + torch.tril(g_II, -1).T
