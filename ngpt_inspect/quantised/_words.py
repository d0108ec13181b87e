"""Small integers packed into 32-bit words."""

from __future__ import annotations

from ngpt_inspect.later.torch import torch

WORD = 32


def unpack(words: torch.Tensor, bits: int, axis: int) -> torch.Tensor:
    """Return the integers packed along an axis of words, lowest bits first.

    Those whose bits do not divide a word run on into the next.
    """
    words = words.movedim(axis, -1)
    if WORD % bits == 0:
        shifts = torch.arange(0, WORD, bits, dtype=torch.int32)
        integers = ((words.unsqueeze(-1) >> shifts) & (2**bits - 1)).flatten(-2)
    else:
        starts = torch.arange(0, words.shape[-1] * WORD - bits + 1, bits)
        first, shift = starts // WORD, starts % WORD
        wide = words.long() & (2**WORD - 1)
        after = torch.cat((wide[..., 1:], torch.zeros_like(wide[..., :1])), -1) << WORD
        integers = (((wide + after)[..., first] >> shift) & (2**bits - 1)).int()
    turned: torch.Tensor = integers.movedim(-1, axis)
    return turned
