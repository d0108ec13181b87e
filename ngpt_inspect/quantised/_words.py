"""Small integers packed into 32-bit words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

WORD = 32


def unpack(words: torch.Tensor, bits: int, axis: int) -> torch.Tensor:
    """Return the integers packed along an axis of a matrix of words, lowest bits first."""
    import torch

    shifts = torch.arange(0, WORD, bits, dtype=torch.int32)
    spread = shifts[:, None] if axis == 0 else shifts
    integers = (words.unsqueeze(axis + 1) >> spread) & (2**bits - 1)
    flat: torch.Tensor = integers.flatten(axis, axis + 1)
    return flat
