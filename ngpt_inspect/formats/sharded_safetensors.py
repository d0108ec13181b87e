"""Safetensors files bound together by an index: only their headers are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._folder import INDEX
from ngpt_inspect.formats._foreign import refuse_not_weights
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats._json import read_object
from ngpt_inspect.formats._text import quoted
from ngpt_inspect.formats.safetensors_file import decode_metadata, read_file
from ngpt_inspect.stored import Contents, StoredTensor

DAMAGED = "the index is damaged: copy or download it again"


def _accepts(path: Path) -> bool:
    return path.name.endswith(INDEX) and path.is_file()


def _read(path: Path) -> Contents:
    weight_map = _weight_map(path)
    shards = {name: _shard(name, path) for name in dict.fromkeys(weight_map.values())}
    read = {name: _read_shard(shard, path) for name, shard in shards.items()}
    tensors: dict[str, StoredTensor] = {}
    for tensor, shard in weight_map.items():
        if tensor not in read[shard][0]:
            raise UnreadableFile(
                f"tensor {quoted(tensor)} is not in {shard}, where the index says it is",
                where=str(path),
                next_step="index and shards are not of one model: copy or download them again",
            )
        tensors[tensor] = read[shard][0][tensor]
    config: dict[str, Any] = {}
    for _, metadata in read.values():
        config = {**decode_metadata(metadata), **config}
    return Contents(
        source=str(path),
        format=SHARDED_SAFETENSORS.name,
        tensors=tensors,
        config=config,
        fingerprint=fingerprint(list(shards.values())),
    )


def _weight_map(path: Path) -> dict[str, str]:
    index = read_object(path, "the index", DAMAGED)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise UnreadableFile("has no weight_map", where=str(path), next_step=DAMAGED)
    for shard in weight_map.values():
        if not isinstance(shard, str) or not _is_plain_name(shard):
            raise UnreadableFile(
                f"its weight_map names {quoted(shard)}, which is not a file name in its folder",
                where=str(path),
                next_step="do not trust it: get the checkpoint from where it was made",
            )
    return weight_map


def _is_plain_name(name: str) -> bool:
    """Tell a bare file name from anything that could lead out of the folder."""
    return name not in ("", ".", "..") and not set(name) & set("/\\:\0")


def _shard(name: str, index: Path) -> Path:
    path = index.parent / name
    if not path.is_file():
        raise UnreadableFile(
            f"its shard {quoted(name)} is missing",
            where=str(index),
            next_step="copy or download it into the same folder",
        )
    return path


def _read_shard(path: Path, index: Path) -> tuple[dict[str, StoredTensor], dict[str, str]]:
    if path.name.endswith(INDEX):
        raise UnreadableFile(
            f"its weight_map names the index {quoted(path.name)} as a shard",
            where=str(index),
            next_step=DAMAGED,
        )
    refuse_not_weights(path)
    return read_file(path)


SHARDED_SAFETENSORS = Format(
    name="sharded safetensors",
    summary="a *.safetensors.index.json and the files it names",
    accepts=_accepts,
    read=_read,
)
