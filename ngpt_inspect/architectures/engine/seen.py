"""A stored tensor seen in another shape: axes that a file joins, or keeps apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.architectures.engine.dimensions import axes
from ngpt_inspect.expressions import evaluate, names_in
from ngpt_inspect.stored import StoredTensor

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class SeenTensor(StoredTensor):
    """The same values in the same order, in another shape."""

    base: StoredTensor

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Return rows start..stop of the shape it is seen in; see `StoredTensor.read`."""
        stop = self.shape[0] if stop is None else stop
        mine, its = math.prod(self.shape[1:]), math.prod(self.base.shape[1:])
        if its == 0 or mine % its:
            return self.base.read().reshape(self.shape)[start:stop]
        n = mine // its
        return self.base.read(start * n, stop * n).reshape(stop - start, *self.shape[1:])

    @property
    def n_bytes(self) -> int:
        """Bytes in the file."""
        return self.base.n_bytes

    @property
    def obstacle(self) -> str:
        """Why the stored values are not those of the model."""
        return self.base.obstacle

    @property
    def note(self) -> str:
        """How the stored values come about."""
        return self.base.note

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of the stored tensor."""
        return self.base.fingerprint(n_blocks)

    def rounding(self) -> float | None:
        """Return the rounding of the stored tensor."""
        return self.base.rounding()

    @property
    def errors(self) -> StoredTensor | None:
        """Errors of the stored tensor, in this shape."""
        errors = self.base.errors
        return None if errors is None else _reshaped(errors, self.shape)


def seen_as(tensor: StoredTensor, shape: str, known: Mapping[str, int]) -> StoredTensor | None:
    """Return a tensor in the shape of an expression of its axes a, b, c; None if it has none."""
    sizes = dict(known) | dict(zip("abcd", tensor.shape, strict=False))
    wanted = axes(shape)
    if not all(names_in(axis) <= set(sizes) for axis in wanted):
        return None
    seen = tuple(int(evaluate(axis, sizes)) for axis in wanted)
    fits = min(seen) > 0 and math.prod(seen) == tensor.n_values
    return _reshaped(tensor, seen) if fits else None


def _reshaped(tensor: StoredTensor, shape: tuple[int, ...]) -> StoredTensor:
    return SeenTensor(
        name=tensor.name,
        shape=shape,
        dtype=tensor.dtype,
        location=tensor.location,
        base=tensor,
    )
