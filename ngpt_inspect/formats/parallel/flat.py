"""A tensor cut out of flat runs of values that several processes hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.stored import StoredTensor, row_range

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Run:
    """So many values of a flat tensor, from one on."""

    of: StoredTensor
    start: int
    count: int


@dataclass(frozen=True, kw_only=True)
class FlatTensor(StoredTensor):
    """Runs that one after another hold the values in C order, and maybe padding after them."""

    runs: tuple[Run, ...]

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read rows start..stop; see `StoredTensor.read`. Only the runs that hold them."""
        import torch

        first, shape = row_range(self.shape, start, stop)
        row = math.prod(self.shape[1:])
        begin, end = first * row, first * row + math.prod(shape)
        pieces = [run.of.read(low, high) for run, low, high in self._within(begin, end)]
        return (
            torch.cat(pieces).reshape(shape)
            if pieces
            else self.runs[0].of.read(0, 0).reshape(shape)
        )

    def _within(self, begin: int, end: int) -> Iterator[tuple[Run, int, int]]:
        """Yield the runs that hold values begin..end, each with the range of its flat tensor."""
        at = 0
        for run in self.runs:
            low, high = max(begin - at, 0), min(end - at, run.count)
            if low < high:
                yield run, run.start + low, run.start + high
            at += run.count

    @property
    def note(self) -> str:
        """How many processes hold it."""
        return f"joined of the shards of {len(self.runs)} ranks"
