"""Files bound together by an index, ``{"weight_map": {tensor: file}}``, or by their numbers."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._foreign import HEAD, refuse_not_weights
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats.places.folder import is_plain_name, missing
from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.formats.places.remote import RemotePath
from ngpt_inspect.formats.places.strict_json import read_object
from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents, Held, StoredTensor
from ngpt_inspect.wording import quoted

DAMAGED = "the index is damaged: copy or download it again"
NUMBERED = re.compile(r"(.+-)(\d{1,6})(-of-\d{1,6}\.\w+)", re.ASCII)
"""``model-00001-of-00003.safetensors``."""
AT_ONCE = 8
"""Remote files that are opened side by side."""
Reader = Callable[[Place], Held]
"""Reads one file."""


def sharded(name: str, suffix: str, summary: str, read_shard: Reader) -> Format:
    """Return the format of files of one suffix that an index, or their numbers, bind together."""

    def accepts(place: Place, head: bytes) -> bool:
        is_index = place.name.endswith(f"{suffix}.index.json") and bool(head)
        return is_index or bool(_numbered(place, suffix))

    def read(place: Place) -> Contents:
        if place.is_dir():
            return _read_numbered(place, name, suffix, read_shard)
        return _read_index(place, name, read_shard)

    return Format(name=name, summary=summary, accepts=accepts, read=read)


def _read_index(index: Place, format_name: str, read_shard: Reader) -> Contents:
    """Return the tensors an index names, in its order, then what else its files hold."""
    weight_map = _weight_map(index)
    names = list(dict.fromkeys(weight_map.values()))
    with ThreadPoolExecutor(AT_ONCE if isinstance(index, RemotePath) else 1) as pool:
        # A server answers many as soon as one; what its answers cost is the waiting.
        shards = dict(zip(names, pool.map(lambda name: _find(name, index), names), strict=True))
        read = dict(zip(names, pool.map(read_shard, shards.values()), strict=True))
    tensors: dict[str, StoredTensor] = {}
    for tensor, shard in weight_map.items():
        if tensor not in read[shard][0]:
            raise UnreadableFile(
                f"tensor {quoted(tensor)} is not in {shard}, where the index says it is",
                where=str(index),
                next_step="index and shards are not of one model: copy or download them again",
            )
        tensors[tensor] = read[shard][0][tensor]
    for mine, _ in read.values():
        tensors |= {name: each for name, each in mine.items() if name not in tensors}
    return _bound(index, format_name, tensors, read, list(shards.values()))


def _numbered(folder: Place, suffix: str) -> list[Path]:
    """Return the files of a local folder that by their numbers are all parts of one checkpoint.

    Nothing where a part is missing, or where anything else has their suffix or an index.
    """
    if not isinstance(folder, Path) or not folder.is_dir():
        return []
    names = sorted(each.name for each in folder.iterdir())
    mine = [name for name in names if name.endswith(suffix)]
    found = NUMBERED.fullmatch(mine[0]) if len(mine) > 1 else None
    if found is None or any(name.endswith(f"{suffix}.index.json") for name in names):
        return []
    digits = len(found[2])
    wanted = [f"{found[1]}{n:0{digits}}{found[3]}" for n in range(1, len(mine) + 1)]
    told = int(found[3].partition("-of-")[2].partition(".")[0])
    return [folder / name for name in mine] if (mine, told) == (wanted, len(mine)) else []


def _read_numbered(folder: Place, format_name: str, suffix: str, read_shard: Reader) -> Contents:
    """Return the tensors of all parts of a checkpoint whose index is lost."""
    shards = _numbered(folder, suffix)
    read = {shard.name: read_shard(shard) for shard in shards}
    tensors: dict[str, StoredTensor] = {}
    for shard, (mine, _) in read.items():
        again = next((name for name in mine if name in tensors), None)
        if again is not None:
            raise UnreadableFile(
                f"{shard} holds {quoted(again)}, which a part before it holds too",
                where=str(folder),
                next_step="they are not of one model: copy or download them again",
            )
        tensors |= mine
    return _bound(folder, format_name, tensors, read, shards)


def _bound(
    source: Place,
    format_name: str,
    tensors: Mapping[str, StoredTensor],
    read: Mapping[str, Held],
    files: list[Any],
) -> Contents:
    config: dict[str, Any] = {}
    for _, more in read.values():
        config = {**more, **config}
    return Contents(
        source=str(source),
        format=format_name,
        tensors=tensors,
        config=config,
        fingerprint=fingerprint(files),
    )


def _weight_map(index: Place) -> dict[str, str]:
    weight_map = read_object(index, "the index", DAMAGED).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise UnreadableFile("has no weight_map", where=str(index), next_step=DAMAGED)
    for shard in weight_map.values():
        if not isinstance(shard, str) or not is_plain_name(shard):
            raise UnreadableFile(
                f"its weight_map names {quoted(shard)}, which is not a file name in its folder",
                where=str(index),
                next_step="do not trust it: get the checkpoint from where it was made",
            )
        if shard.endswith(".index.json"):
            raise UnreadableFile(
                f"its weight_map names the index {quoted(shard)} as a shard",
                where=str(index),
                next_step=DAMAGED,
            )
    return weight_map


def _find(name: str, index: Place) -> Place:
    shard = index.parent / name
    if not shard.is_file():
        raise missing(f"shard {quoted(name)}", index)
    refuse_not_weights(shard, open_bytes(shard).head(HEAD))
    return shard
