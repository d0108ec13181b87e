"""The header of a safetensors file, believed only where the file bears it out.

Layout: u64 little-endian header size N, N bytes of JSON
``{name: {dtype, shape, data_offsets}}``, then the values; offsets count from byte 8 + N and
leave neither gap nor overlap (github.com/huggingface/safetensors, README).
"""

import math
from dataclasses import dataclass
from typing import Any, TypeGuard

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats.places.readable import GET_AGAIN, ByteFile
from ngpt_inspect.formats.places.strict_json import LARGEST, parse_object
from ngpt_inspect.stored import ITEM_BITS
from ngpt_inspect.wording import quoted, sizes

DAMAGED = f"the file is damaged: {GET_AGAIN}"
LARGEST_SIZE = 2**63 - 1
MOST_AXES = 64


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One tensor of the header, checked."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a safetensors file says of itself."""

    entries: tuple[Entry, ...]
    """In the order of the header."""
    metadata: dict[str, str]
    data_start: int
    """Byte of the file that offset 0 means."""


def read_header(file: ByteFile) -> Header:
    """Read and check the header; no tensor value is touched.

    Raises
    ------
    UnreadableFile
        Anything in it contradicts the format or the size of the file.
    """
    if file.size < 8:
        raise file.refuse(f"{file.size} bytes are too few for a safetensors file", GET_AGAIN)
    length = int.from_bytes(file.read(0, 8), "little")
    if length > LARGEST:
        raise file.refuse(
            f"declares a header of {length} bytes, more than the {LARGEST} the format allows",
            "it is not a safetensors file, or it is damaged",
        )
    if length > file.size - 8:
        raise file.refuse(
            f"the header is cut short: {length} bytes declared, {file.size - 8} there", GET_AGAIN
        )
    raw = parse_object(file.read(8, length), "the header", file.where, DAMAGED)
    metadata = _metadata(raw.pop("__metadata__", None), file)
    entries = tuple(_entry(name, info, file) for name, info in raw.items())
    _check_cover(entries, file.size - 8 - length, file)
    return Header(entries=entries, metadata=metadata, data_start=8 + length)


def _metadata(raw: Any, file: ByteFile) -> dict[str, str]:
    if raw is None:
        return {}
    if isinstance(raw, dict) and all(isinstance(value, str) for value in raw.values()):
        return raw
    raise file.refuse("__metadata__ does not map strings to strings", DAMAGED)


def _entry(name: str, info: Any, file: ByteFile) -> Entry:
    """Check one tensor by itself: known dtype, whole numbers, bytes that match the shape."""

    def refuse(what: str) -> UnreadableFile:
        return file.refuse(f"tensor {quoted(name)} {what}", DAMAGED)

    if not isinstance(info, dict):
        raise refuse("is not described by a JSON object")
    dtype, shape, offsets = info.get("dtype"), info.get("shape"), info.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in ITEM_BITS:
        raise refuse(f"has the dtype {quoted(dtype)}, which the safetensors format does not know")
    if not _whole_numbers(shape):
        raise refuse("has a shape that is not a list of whole numbers")
    if len(shape) > MOST_AXES:
        raise refuse(f"has {len(shape)} axes, more than the {MOST_AXES} torch allows")
    if not _whole_numbers(offsets) or len(offsets) != 2:
        raise refuse("has data_offsets that are not two whole numbers")
    begin, end = offsets
    bits = math.prod(shape) * ITEM_BITS[dtype]
    if (end - begin) * 8 != bits:
        raise refuse(
            f"of shape {sizes(shape)} and dtype {dtype} does not fill its offsets {begin} to {end}"
        )
    return Entry(name=name, dtype=dtype, shape=tuple(shape), begin=begin, end=end)


def _whole_numbers(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(
        type(item) is int and 0 <= item <= LARGEST_SIZE for item in value
    )


def _check_cover(entries: tuple[Entry, ...], n_bytes: int, file: ByteFile) -> None:
    """Refuse gaps, overlaps, missing bytes and bytes left over, as the reference reader does."""
    ordered = sorted(entries, key=lambda entry: (entry.begin, entry.end))
    needed = max((entry.end for entry in entries), default=0)
    if needed > n_bytes:
        raise file.refuse(
            f"the file is {needed - n_bytes} bytes too short for its tensors", GET_AGAIN
        )
    reached = 0
    for entry in ordered:
        if entry.begin != reached:
            fault = "overlaps another tensor" if entry.begin < reached else "leaves a gap before it"
            raise file.refuse(
                f"tensor {quoted(entry.name)} at offset {entry.begin} {fault}", DAMAGED
            )
        reached = entry.end
    if reached != n_bytes:
        raise file.refuse(f"{n_bytes - reached} bytes at its end belong to no tensor", DAMAGED)
