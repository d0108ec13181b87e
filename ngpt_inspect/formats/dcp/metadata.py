"""The ``.metadata`` of a PyTorch distributed checkpoint: a pickle, read as data.

torch itself unpickles it without restriction, which can run any code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.formats.pickles import inert_pickle
from ngpt_inspect.formats.pickles.records import Global, PickleFault, Record
from ngpt_inspect.formats.pickles.torch_calls import TENSOR_DTYPES, answer, are_sizes
from ngpt_inspect.wording import quoted

METADATA = "torch.distributed.checkpoint.metadata"
FILESYSTEM = "torch.distributed.checkpoint.filesystem"
ENUMERATIONS = {
    Global("torch.serialization", "_get_layout"),
    Global(METADATA, "_MEM_FORMAT_ENCODING"),
}
MOST_INSTRUCTIONS = 10_000_000
"""Some 150,000 chunks; half a minute."""


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Where the bytes of one chunk, or of one object, are."""

    file: str
    offset: int
    n_bytes: int
    transformed: bool
    """Compressed, or otherwise not as torch.save wrote it."""


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A block of a tensor."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    blob: Blob


@dataclass(frozen=True, kw_only=True)
class Sharded:
    """A tensor in chunks."""

    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a distributed checkpoint holds, by flat name."""

    tensors: dict[str, Sharded]
    objects: dict[str, Blob]
    """Anything else, each pickled for itself."""
    paths: dict[str, tuple[str, ...]]
    """The keys that led to it in the nested dict that was saved."""


def read_metadata(data: bytes) -> Metadata:
    """Read the pickle.

    Raises
    ------
    PickleFault
        It is damaged, contradicts itself, or would call what a checkpoint never needs.
    """
    root = inert_pickle.load(data, _answer, _no_storage, MOST_INSTRUCTIONS)
    fields = _fields(root, Global(METADATA, "Metadata"))
    blobs = dict(_blobs(_mapping(fields.get("storage_data"))))
    tensors, objects = {}, {}
    for name, entry in _mapping(fields.get("state_dict_metadata")).items():
        if not isinstance(name, str):
            raise PickleFault("it is damaged (a name that is no text)")
        if isinstance(entry, Record) and entry.kind == Global(METADATA, "BytesStorageMetadata"):
            if (name, None) in blobs:
                objects[name] = blobs[name, None]
        else:
            tensors[name] = _tensor(name, entry, blobs)
    return Metadata(tensors=tensors, objects=objects, paths=_paths(fields.get("planner_data")))


def _answer(function: Global, args: tuple[Any, ...]) -> Any:
    return args if function in ENUMERATIONS else answer(function, args)


def _no_storage(_identifier: Any) -> Any:
    raise PickleFault("it refers to something outside itself")


def _fields(value: Any, kind: Global) -> Mapping[Any, Any]:
    if not isinstance(value, Record) or value.kind != kind:
        raise PickleFault(f"it is damaged (no {kind.name} where one belongs)")
    return _mapping(value.state)


def _mapping(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise PickleFault("it is damaged (no dict where one belongs)")
    return value


def _sizes(value: Any) -> tuple[int, ...]:
    if not are_sizes(value):
        raise PickleFault("it is damaged (impossible sizes)")
    return value


def _blobs(storage: Mapping[Any, Any]) -> Iterator[tuple[tuple[str, Any], Blob]]:
    for index, info in storage.items():
        key = _fields(index, Global(METADATA, "MetadataIndex"))
        found = _fields(info, Global(FILESYSTEM, "_StorageInfo"))
        file, extent = found.get("relative_path"), (found.get("offset"), found.get("length"))
        name, place = key.get("fqn"), key.get("offset")
        if not isinstance(file, str) or not isinstance(name, str):
            raise PickleFault("it is damaged (a chunk without a name)")
        if not are_sizes(extent):
            raise PickleFault("it is damaged (a chunk without a place)")
        blob = Blob(
            file=file,
            offset=extent[0],
            n_bytes=extent[1],
            transformed=bool(found.get("transform_descriptors")),
        )
        yield (name, None if place is None else _sizes(place)), blob


def _tensor(name: str, entry: Any, blobs: Mapping[tuple[str, Any], Blob]) -> Sharded:
    fields = _fields(entry, Global(METADATA, "TensorStorageMetadata"))
    properties = fields.get("properties")
    if not isinstance(properties, Record):
        raise PickleFault("it is damaged (a tensor without properties)")
    state = properties.state
    dtype = state[0] if isinstance(state, tuple) and state else _mapping(state).get("dtype")
    if not isinstance(dtype, Global) or dtype.name not in TENSOR_DTYPES:
        raise PickleFault(f"tensor {quoted(name)} is of dtype {dtype}, which is not supported")
    raw = fields.get("chunks")
    if not isinstance(raw, list):
        raise PickleFault("it is damaged (a tensor without chunks)")
    chunks = tuple(_chunk(name, each, blobs) for each in raw)
    return Sharded(shape=_sizes(fields.get("size")), dtype=TENSOR_DTYPES[dtype.name], chunks=chunks)


def _chunk(name: str, value: Any, blobs: Mapping[tuple[str, Any], Blob]) -> Chunk:
    fields = _fields(value, Global(METADATA, "ChunkStorageMetadata"))
    offsets, sizes = _sizes(fields.get("offsets")), _sizes(fields.get("sizes"))
    if (name, offsets) not in blobs:
        raise PickleFault(f"it does not say where a chunk of {quoted(name)} is")
    return Chunk(offsets=offsets, sizes=sizes, blob=blobs[name, offsets])


def _paths(planner_data: Any) -> dict[str, tuple[str, ...]]:
    """Return the paths that the usual planner keeps; others keep what they like."""
    if not isinstance(planner_data, dict):
        return {}
    return {
        name: tuple(str(part) for part in path)
        for name, path in planner_data.items()
        if isinstance(name, str)
        and isinstance(path, tuple)
        and all(isinstance(part, str | int) for part in path)
    }
