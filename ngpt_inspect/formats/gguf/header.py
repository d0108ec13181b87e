"""The header of a GGUF file, believed only where the file bears it out.

Layout (github.com/ggml-org/ggml, docs/gguf.md), little-endian: the magic ``GGUF``, a u32
version, the numbers of tensors and of settings as u64, the settings, one entry a tensor (name,
sizes with the innermost first, type, offset), and after padding the values.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats.places.readable import GET_AGAIN, ByteFile
from ngpt_inspect.wording import quoted

MAGIC = b"GGUF"
VERSIONS = (2, 3)
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
SCALARS[12] = "d"
"""Formats of `struct` by the number of a type of setting."""
STRING, ARRAY = 8, 9
SMALLEST_SETTING = 13
SMALLEST_TENSOR = 24
"""Bytes: with an empty name."""
MOST_ITEMS = 4_000_000
"""Of all arrays; the largest vocabularies have some 300,000, in four of them."""
MOST_AXES = 4
DEEPEST = 4
FIRST_READ, LARGEST_READ = 1 << 16, 1 << 23
ALIGNMENT = 32


@dataclass(frozen=True, kw_only=True)
class BlockEntry:
    """One tensor of the header; sizes are in the order of torch, the innermost last."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    """Of its first byte in the file."""


@dataclass(frozen=True, kw_only=True)
class GGUFHeader:
    """What a GGUF file says of itself."""

    settings: dict[str, Any]
    """By dotted key, as in the file."""
    entries: tuple[BlockEntry, ...]


def read_header(file: ByteFile) -> GGUFHeader:
    """Read and check the header; no tensor value is touched.

    Raises
    ------
    UnreadableFile
        It is of another version, ends early, or contradicts itself or the size of the file.
    """
    cursor = _Cursor(file)
    if cursor.take(4) != MAGIC:
        raise cursor.refuse("does not begin as a GGUF file")
    version = cursor.number("I")
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS
        what = "is big-endian" if swapped else f"is of GGUF version {version}"
        raise file.refuse(what, "convert it with today's llama.cpp")
    n_tensors, n_settings = cursor.number("Q"), cursor.number("Q")
    if n_tensors * SMALLEST_TENSOR + n_settings * SMALLEST_SETTING > file.size:
        raise cursor.refuse(f"promises {n_tensors} tensors and {n_settings} settings")
    settings: dict[str, Any] = {}
    for _ in range(n_settings):
        key = cursor.text()
        if key in settings:
            raise cursor.refuse(f"holds the setting {quoted(key)} twice")
        settings[key] = cursor.value(cursor.number("I"), 0)
    raw = [_entry(cursor) for _ in range(n_tensors)]
    alignment = settings.get("general.alignment", ALIGNMENT)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise cursor.refuse("has an alignment that is no power of two")
    start = -(-cursor.at // alignment) * alignment
    names = {entry.name for entry in raw}
    if len(names) < len(raw):
        raise cursor.refuse("names a tensor twice")
    entries = tuple(
        BlockEntry(name=each.name, shape=each.shape, type=each.type, offset=start + each.offset)
        for each in raw
    )
    return GGUFHeader(settings=settings, entries=entries)


def _entry(cursor: _Cursor) -> BlockEntry:
    name = cursor.text()
    n_axes = cursor.number("I")
    if n_axes > MOST_AXES:
        raise cursor.refuse(f"tensor {quoted(name)} has {n_axes} axes")
    sizes = struct.unpack(f"<{n_axes}Q", cursor.take(8 * n_axes))
    if math.prod(sizes) >= 2**63 or any(size >= 2**63 for size in sizes):
        raise cursor.refuse(f"tensor {quoted(name)} has impossible sizes")
    kind, offset = cursor.number("I"), cursor.number("Q")
    return BlockEntry(name=name, shape=sizes[::-1], type=kind, offset=offset)


class _Cursor:
    """Reads a file from its start, in growing pieces."""

    def __init__(self, file: ByteFile) -> None:
        self._file = file
        self._buffer = b""
        self._begin = 0
        self._piece = FIRST_READ
        self._n_items = 0
        self.at = 0

    def refuse(self, what: str) -> UnreadableFile:
        """Return the error for this file."""
        return self._file.refuse(f"its GGUF header {what}", f"it is damaged: {GET_AGAIN}")

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes."""
        self._file.check_range(self.at, n_bytes)
        first = self.at - self._begin
        if first + n_bytes > len(self._buffer):
            wanted = max(n_bytes, self._piece)
            self._piece = min(2 * self._piece, LARGEST_READ)
            self._buffer = self._file.read(self.at, min(wanted, self._file.size - self.at))
            self._begin, first = self.at, 0
        self.at += n_bytes
        return self._buffer[first : first + n_bytes]

    def number(self, code: str) -> Any:
        """Return the next number, of a format of `struct`."""
        (value,) = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))
        return value

    def text(self) -> str:
        """Return the next string."""
        return self.take(self.number("Q")).decode(errors="replace")

    def value(self, kind: int, depth: int) -> Any:
        """Return the next value of a type of setting."""
        if kind in SCALARS:
            return self.number(SCALARS[kind])
        if kind == STRING:
            return self.text()
        if kind != ARRAY or depth == DEEPEST:
            raise self.refuse(f"holds a setting of type {kind} at depth {depth}")
        inner, count = self.number("I"), self.number("Q")
        self._n_items += count
        if self._n_items > MOST_ITEMS:
            raise self.refuse(f"holds arrays of {self._n_items} values, over {MOST_ITEMS}")
        if inner in SCALARS:
            code = SCALARS[inner]
            packed = self.take(count * struct.calcsize(f"<{code}"))
            return list(struct.unpack(f"<{count}{code}", packed))
        return [self.value(inner, depth + 1) for _ in range(count)]
