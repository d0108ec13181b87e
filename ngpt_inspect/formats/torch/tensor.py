"""A tensor in a torch archive: a strided view of one of its entries."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._fingerprint import fingerprint_in
from ngpt_inspect.formats._values import ARRAYS, array_of, tensor_of
from ngpt_inspect.formats.torch.archive import ZipEntry
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import ITEM_BITS, StoredTensor, row_range
from ngpt_inspect.wording import quoted, sizes

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class TorchTensor(StoredTensor):
    """A view of a storage in a torch archive."""

    entry: ZipEntry
    offset: int
    """Of the first value in the storage, in bytes."""
    stride: tuple[int, ...]
    """In items."""

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read rows start..stop; see `StoredTensor.read`.

        Reads from the first to the last value of the rows: exactly them where rows lie one
        after another, up to the whole tensor for a transposed view.
        """
        return self._made(tensor_of, start, stop)

    def array(self) -> np.ndarray:
        """Return the values without torch where NumPy reads them; see `StoredTensor.array`."""
        return self._made(array_of) if self.dtype in ARRAYS else super().array()

    def _made(self, make: Callable[..., Made], start: int = 0, stop: int | None = None) -> Made:
        first, shape = row_range(self.shape, start, stop)
        item = ITEM_BITS[self.dtype] // 8
        where = f"{self.entry.file.where}: tensor {quoted(self.name)}"
        if math.prod(shape) * item > self.entry.n_bytes:
            raise UnreadableFile(
                f"repeats {self.entry.n_bytes} stored bytes to fill shape {sizes(self.shape)}",
                where=where,
                next_step="save it with .contiguous()",
            )
        offset = self.offset + (first * self.stride[0] * item if self.shape else 0)
        return make(
            self.dtype,
            shape,
            span(shape, self.stride),
            lambda buffer: self.entry.read_into(buffer, offset),
            where,
            None if _in_c_order(shape, self.stride) else self.stride,
        )

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of its bytes; see `StoredTensor.fingerprint`."""
        stored_so = self.entry.n_packed is None and _in_c_order(self.shape, self.stride)
        if not (stored_so and self.entry.file.is_local):
            return ""
        return fingerprint_in(self.entry.file, self.entry.offset + self.offset, self, n_blocks)


def span(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """Return the items from the first to the last value."""
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))


def _in_c_order(shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    expected = 1
    for size, step in zip(reversed(shape), reversed(stride), strict=True):
        if size != 1 and step != expected:
            return 0 in shape
        expected *= size
    return True
