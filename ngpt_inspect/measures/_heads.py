"""Computes something for every head and for the whole matrix, the way all matrix measures do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ngpt_inspect.later.torch import torch
from ngpt_inspect.measures._measure import Values, skipped
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    from ngpt_inspect.numerics.spectra import Spectra


def stacks(weight: Weight, values: torch.Tensor) -> Iterator[tuple[list[int | None], torch.Tensor]]:
    """Yield the heads of a weight's matrix as one stack, then the whole as a stack of one.

    Each comes with its head numbers, ``[None]`` for the whole; shapes (n, out, in).
    """
    heads = weight.heads(values)
    if heads is not None:
        yield list(range(len(heads))), heads
    if weight.heads_only:
        return
    yield [None], values.unsqueeze(0)


def spectra_of_heads(weight: Weight, heads: list[int | None], matrices: torch.Tensor) -> Spectra:
    """Return the singular values of a stack of `stacks`; those of all heads are made once.

    Of the whole matrix they are not kept: its Gram matrix can be as large as the weight.
    """
    from ngpt_inspect.numerics.spectra import spectra, unit_scale

    def made() -> Spectra:
        return spectra(matrices, unit_scale(matrices))

    key = ("spectra of heads", str(matrices.device))
    return made() if heads == [None] else weight.once(key, made)


def unknown_heads(weight: Weight, quantity: str) -> Iterator[Values]:
    """Yield a skipped row when a matrix has heads but nothing says how many."""
    if weight.facts.head_axis is not None and weight.n_blocks is None:
        why = "per head: the files do not say how many heads there are; give --heads N"
        yield skipped(quantity, why)
