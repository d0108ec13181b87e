"""Safetensors files bound together by an index: only their headers are read."""

from __future__ import annotations

from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats._sharded import Shard, numbered, read_numbered, read_sharded
from ngpt_inspect.formats.places.folder import INDEX
from ngpt_inspect.formats.safetensors_file import decode_metadata, read_file
from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents


def _accepts(place: Place, head: bytes) -> bool:
    return (place.name.endswith(INDEX) and bool(head)) or bool(numbered(place, ".safetensors"))


def _read(place: Place) -> Contents:
    if place.is_dir():
        return read_numbered(place, SHARDED_SAFETENSORS.name, ".safetensors", _read_shard)
    return read_sharded(place, SHARDED_SAFETENSORS.name, _read_shard)


def _read_shard(place: Place) -> Shard:
    tensors, metadata = read_file(place)
    return tensors, decode_metadata(metadata)


SHARDED_SAFETENSORS = Format(
    name="sharded safetensors",
    summary="a *.safetensors.index.json and the files it names; or all parts",
    accepts=_accepts,
    read=_read,
)
