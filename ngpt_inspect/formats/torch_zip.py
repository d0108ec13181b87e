"""A file of torch.save (1.6 or later): listed without torch, read by byte range."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import _inert_pickle, _torch_calls
from ngpt_inspect.formats._archive import Archive, Entry
from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats._stamped import StampedFile
from ngpt_inspect.formats._state_dict import (
    SAVE_STATE_DICT,
    NotWeights,
    find_state_dict,
    model_tensors,
    settings,
)
from ngpt_inspect.formats._text import listed, quoted, shown
from ngpt_inspect.formats._torch_calls import PickledTensor
from ngpt_inspect.formats._values import row_range, tensor_of
from ngpt_inspect.stored import ITEM_BITS, Contents, StoredTensor

if TYPE_CHECKING:
    import torch

LARGEST_PICKLE = 64 * 1024 * 1024
"""Bytes. Names and shapes of some 300,000 tensors; values are kept elsewhere."""
RESAVE = (
    "if you trust it, load it with torch where it was made and save its state dict with safetensors"
)
SCALARS = {
    "F64": "d",
    "F32": "f",
    "F16": "e",
    "I64": "q",
    "I32": "i",
    "I16": "h",
    "U8": "B",
    "BOOL": "?",
}


@dataclass(frozen=True, kw_only=True)
class TorchTensor(StoredTensor):
    """A view of a storage in a torch archive."""

    entry: Entry
    offset: int
    """Of the first value in the storage, in bytes."""
    stride: tuple[int, ...]
    """In items."""

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read rows start..stop; see `StoredTensor.read`.

        Reads from the first to the last value of the rows: exactly them where rows lie one
        after another, up to the whole tensor for a transposed view.
        """
        first, shape = row_range(self.shape, start, stop)
        item = ITEM_BITS[self.dtype] // 8
        where = f"{self.file_name}: tensor {quoted(self.name)}"
        if math.prod(shape) * item > self.entry.n_bytes:
            raise UnreadableFile(
                f"repeats {self.entry.n_bytes} stored bytes to fill shape {list(self.shape)}",
                where=where,
                next_step="save it with .contiguous()",
            )
        offset = self.offset + (first * self.stride[0] * item if self.shape else 0)
        return tensor_of(
            self.dtype,
            shape,
            _span(shape, self.stride),
            lambda buffer: self.entry.read_into(buffer, offset),
            where,
            None if _in_c_order(shape, self.stride) else self.stride,
        )

    @property
    def file_name(self) -> str:
        """The archive's path."""
        return str(self.entry.file.path)


def _span(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
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


class _TorchFile:
    """One archive while it is being listed."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self.archive = Archive(StampedFile.of(path))
        self.prefix = self._find_prefix()
        self._entries: dict[str, Entry] = {}

    def refuse(self, what: str, next_step: str) -> UnreadableFile:
        return UnreadableFile(what, where=self.where, next_step=next_step)

    def _find_prefix(self) -> str:
        names = self.archive.names
        found = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(found) == 1 and f"{found[0][:-8]}constants.pkl" not in names:
            return found[0].removesuffix("data.pkl")
        if found:
            raise self.refuse("is a TorchScript archive, a program", SAVE_STATE_DICT)
        kind = (
            "a NumPy .npz archive" if any(name.endswith(".npy") for name in names) else "a zip file"
        )
        raise self.refuse(
            f"is {kind}, not a file of torch.save (it holds {listed(names) or 'nothing'})",
            "name a .safetensors file or a file written by torch.save",
        )

    def unpickle(self) -> Any:
        """Return what the file holds, as inert data."""
        self._check_byte_order()
        entry = self.archive.entry(f"{self.prefix}data.pkl")
        if entry.n_bytes > LARGEST_PICKLE:
            raise self.refuse(
                f"its data.pkl has {entry.n_bytes} bytes, over {LARGEST_PICKLE}", RESAVE
            )
        try:
            return _inert_pickle.load(entry.read(), _torch_calls.answer, _torch_calls.storage_of)
        except _inert_pickle.PickleFault as fault:
            raise self.refuse(f"its pickle is refused: {shown(str(fault))}", RESAVE) from fault

    def _check_byte_order(self) -> None:
        name = f"{self.prefix}byteorder"
        if name in self.archive.names:
            order = self.archive.entry(name).read()[:16]
            if order.strip() != b"little":
                raise self.refuse(
                    f"stores its values in byte order {quoted(order.decode('latin1'))}",
                    "save it again on a little-endian machine",
                )

    def tensor(self, name: str, pickled: PickledTensor) -> TorchTensor:
        """Check that a tensor lies within its storage, and the storage within the file."""
        entry = self._storage(pickled)
        item = ITEM_BITS[pickled.dtype] // 8
        offset = pickled.offset * item
        if offset + _span(pickled.shape, pickled.stride) * item > entry.n_bytes:
            raise self.refuse(
                f"tensor {quoted(name)} reaches beyond its storage of {entry.n_bytes} bytes", RESAVE
            )
        return TorchTensor(
            name=name,
            shape=pickled.shape,
            dtype=pickled.dtype,
            location=entry.place(offset),
            entry=entry,
            offset=offset,
            stride=pickled.stride,
        )

    def _storage(self, pickled: PickledTensor) -> Entry:
        storage = pickled.storage
        if storage.key not in self._entries:
            entry = self.archive.entry(f"{self.prefix}data/{storage.key}")
            self._entries[storage.key] = entry
        entry = self._entries[storage.key]
        if storage.n_items * ITEM_BITS[storage.dtype] // 8 > entry.n_bytes:
            raise self.refuse(
                f"its storage {quoted(storage.key)} has {entry.n_bytes} bytes, "
                f"not {storage.n_items} items of {storage.dtype}",
                RESAVE,
            )
        return entry

    def scalar(self, pickled: PickledTensor) -> float | int | bool | None:
        """Return the value of a one-value tensor such as a loss, or None."""
        if math.prod(pickled.shape) != 1 or pickled.dtype not in SCALARS:
            return None
        tensor = self.tensor("", pickled)
        buffer = bytearray(ITEM_BITS[pickled.dtype] // 8)
        tensor.entry.read_into(memoryview(buffer), tensor.offset)
        (value,) = struct.unpack(f"<{SCALARS[pickled.dtype]}", buffer)
        return value  # type: ignore[no-any-return]


def _accepts(path: Path) -> bool:
    """Tell by the mark of a zip file; what is in it is the reader's affair."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _read(path: Path) -> Contents:
    file = _TorchFile(path)
    try:
        way = find_state_dict(file.unpickle())
    except NotWeights as error:
        raise file.refuse(shown(str(error), 400), SAVE_STATE_DICT) from error
    state_dict, _ = way[-1]
    return Contents(
        source=str(path),
        format=TORCH_ZIP.name,
        tensors={
            name: file.tensor(name, pickled) for name, pickled in model_tensors(state_dict).items()
        },
        config=settings(way, file.scalar),
        fingerprint=fingerprint([path]),
    )


TORCH_ZIP = Format(
    name="torch",
    summary="a .pt, .pth or .bin file of torch.save",
    accepts=_accepts,
    read=_read,
)
