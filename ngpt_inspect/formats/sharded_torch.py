"""Torch files bound together by an index: only their pickles are read, as data."""

from __future__ import annotations

from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats._sharded import numbered, read_numbered, read_sharded
from ngpt_inspect.formats.places.folder import TORCH_INDEX
from ngpt_inspect.formats.torch_zip import read_file
from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents


def _accepts(place: Place, head: bytes) -> bool:
    return (place.name.endswith(TORCH_INDEX) and bool(head)) or bool(numbered(place, ".bin"))


def _read(place: Place) -> Contents:
    if place.is_dir():
        return read_numbered(place, SHARDED_TORCH.name, ".bin", read_file)
    return read_sharded(place, SHARDED_TORCH.name, read_file)


SHARDED_TORCH = Format(
    name="sharded torch",
    summary="a *.bin.index.json and the files it names; or all parts",
    accepts=_accepts,
    read=_read,
)
