"""A tensor cut out of flat runs of values that several processes hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ngpt_inspect.formats.parallel.joined import within
from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import StoredTensor, row_range


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
        first, shape = row_range(self.shape, start, stop)
        row = math.prod(self.shape[1:])
        begin, end = first * row, first * row + math.prod(shape)
        pieces = []
        for n, low, high in within((run.count for run in self.runs), begin, end):
            run = self.runs[n]
            pieces.append(run.of.read(run.start + low, run.start + high))
        whole = torch.cat(pieces) if pieces else self.runs[0].of.read(0, 0)
        return whole.reshape(shape)

    @property
    def note(self) -> str:
        """How many processes hold it."""
        return f"joined of the shards of {len(self.runs)} ranks"
