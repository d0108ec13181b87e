"""A tensor put together from the chunks of a distributed checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._values import torch_dtype
from ngpt_inspect.formats.dcp.metadata import Chunk
from ngpt_inspect.formats.pickles.torch_calls import PickledTensor
from ngpt_inspect.formats.places.readable import GET_AGAIN, ByteFile
from ngpt_inspect.formats.places.window import Window
from ngpt_inspect.formats.torch.listing import TorchFile
from ngpt_inspect.formats.torch.tensor import TorchTensor
from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import StoredTensor, row_range
from ngpt_inspect.wording import quoted, sizes

DAMAGED = f"the checkpoint is damaged: {GET_AGAIN}"


@dataclass(frozen=True, kw_only=True)
class ChunkedTensor(StoredTensor):
    """Chunks that cover the tensor, each a torch file of its own inside a larger one."""

    folder: str
    chunks: tuple[tuple[Chunk, ByteFile], ...]
    """Each with the file that holds it; the empty ones left out."""

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read rows start..stop; see `StoredTensor.read`. Only the chunks that hold them."""
        where = f"{self.folder}: tensor {quoted(self.name)}"
        first, shape = row_range(self.shape, start, stop)
        if not _cover(self.shape, [chunk for chunk, _ in self.chunks]):
            raise UnreadableFile(
                f"its chunks do not cover shape {sizes(self.shape)} once each",
                where=where,
                next_step=DAMAGED,
            )
        out = torch.empty(shape, dtype=torch_dtype(self.dtype, where))
        last = first + shape[0] if shape else 1
        for chunk, file in self.chunks:
            begin = chunk.offsets[0] if shape else 0
            end = begin + (chunk.sizes[0] if shape else 1)
            low, high = max(first, begin), min(last, end)
            if low >= high:
                continue
            values = self._chunk(chunk, file, where).read(low - begin, high - begin)
            if not shape:
                return values
            columns = zip(chunk.offsets[1:], chunk.sizes[1:], strict=True)
            place = (slice(low - first, high - first), *(slice(o, o + n) for o, n in columns))
            out[place] = values
        return out

    def _chunk(self, chunk: Chunk, file: ByteFile, where: str) -> TorchTensor:
        window = Window(file=file, start=chunk.blob.offset, size=chunk.blob.n_bytes)
        archive = TorchFile(window)
        pickled = archive.unpickle()
        fits = isinstance(pickled, PickledTensor) and pickled.shape == chunk.sizes
        if not fits or pickled.dtype != self.dtype:
            raise UnreadableFile(
                f"a chunk is not what the metadata says: {self.dtype} of {sizes(chunk.sizes)}",
                where=where,
                next_step=DAMAGED,
            )
        return archive.tensor(self.name, pickled)


def _cover(shape: tuple[int, ...], chunks: list[Chunk]) -> bool:
    """Tell whether the chunks fill the shape without overlap: right volume, and disjoint."""
    volume = sum(math.prod(chunk.sizes) for chunk in chunks)
    inside = all(
        len(chunk.offsets) == len(chunk.sizes) == len(shape)
        and all(o + n <= size for o, n, size in zip(chunk.offsets, chunk.sizes, shape, strict=True))
        for chunk in chunks
    )
    return inside and volume == math.prod(shape) and _disjoint(chunks)


def _disjoint(chunks: Iterable[Chunk]) -> bool:
    """Compare each chunk with those that begin before it ends along the first axis."""
    ordered = sorted(chunks, key=lambda chunk: chunk.offsets)
    for place, chunk in enumerate(ordered):
        for other in ordered[place + 1 :]:
            if not chunk.offsets or other.offsets[0] >= chunk.offsets[0] + chunk.sizes[0]:
                break
            spans = zip(chunk.offsets, chunk.sizes, other.offsets, other.sizes, strict=True)
            if all(a < b + m and b < a + n for a, n, b, m in spans):
                return False
    return True
