"""A folder of torch.distributed.checkpoint: ``.metadata`` and the ``.distcp`` files it names."""

import math
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats.dcp.metadata import Blob, Metadata, Sharded, read_metadata
from ngpt_inspect.formats.dcp.tensor import DAMAGED, ChunkedTensor
from ngpt_inspect.formats.pickles.plain import MOST_OF_FILE, Budget, NotPlain, plain
from ngpt_inspect.formats.pickles.records import PickleFault
from ngpt_inspect.formats.places.folder import is_plain_name
from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.formats.places.readable import ByteFile
from ngpt_inspect.formats.places.window import Window
from ngpt_inspect.formats.torch.listing import TorchFile
from ngpt_inspect.formats.torch.state_dict import WRAPPERS, settings
from ngpt_inspect.places import Place
from ngpt_inspect.stored import ITEM_BITS, Contents, Held, StoredTensor
from ngpt_inspect.wording import quoted, shown

METADATA = ".metadata"
META = "meta.pt"
"""Where Lightning keeps what is beside the weights."""
LARGEST = 512 * 1024 * 1024
"""Bytes of ``.metadata``."""
LARGEST_OBJECT = 256 * 1024
"""Bytes of an object beside the weights that is looked into."""
LARGEST_OBJECTS = 4 * LARGEST_OBJECT
"""Of all of them together."""
OUTER = (*WRAPPERS, "app", "state")
"""Keys around a model's state dict."""
MODEL = "model."


def _accepts(place: Place, head: bytes) -> bool:
    return not head and (place / METADATA).is_file()


def _read(place: Place) -> Contents:
    metadata = _metadata(place)
    paths = _paths(metadata)
    files = _Files(place)
    config: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    held: dict[str, dict[str, StoredTensor]] = {}
    for flat, sharded in metadata.tensors.items():
        path = paths[flat]
        if _is_optimizer(path):
            left_out[flat] = "a tensor of the optimizer"
            continue
        owner, name = _owned(path)
        mine = held.setdefault(owner, {})
        if name in mine:
            raise _refuse(place, f"holds two tensors named {quoted(name)}")
        mine[name] = _tensor(name, sharded, files)
    objects = _Objects(files)
    for flat, blob in metadata.objects.items():
        path = paths[flat]
        if _is_optimizer(path) or not objects.keep(config, path, blob):
            left_out[flat] = "an object beside the weights"
    config = {**config, "left_out": left_out} if left_out else config
    config = {**_meta(place), **config}
    tensors = {name: tensor for mine in held.values() for name, tensor in mine.items()}
    several = len(tensors) < sum(map(len, held.values()))  # names that two sets have
    return Contents(
        source=str(place),
        format=DISTRIBUTED.name,
        tensors=tensors,
        config=config,
        fingerprint=fingerprint([place / METADATA, *files.places]),
        parts={owner: partial(_held, mine, config) for owner, mine in held.items()}
        if several
        else {},
    )


def _meta(place: Place) -> dict[str, Any]:
    """Return what Lightning's file says; nothing where it cannot be read, for it has no weights."""
    if not (isinstance(place, Path) or place.suffix == ".ckpt") or not (place / META).is_file():
        return {}
    try:
        file = TorchFile(open_bytes(place / META))
        said = file.unpickle()
        return settings([(said, "")], file.scalar) if isinstance(said, dict) else {}
    except UnreadableFile:
        return {}


def _held(tensors: Mapping[str, StoredTensor], config: Mapping[str, Any]) -> Held:
    return tensors, config


def _paths(metadata: Metadata) -> dict[str, tuple[str, ...]]:
    """Return the keys that lead to each entry, in the nested dict that was saved.

    Where that dict was flattened before, ``model.`` and ``optim.`` side by side tell it.
    """
    names = [*metadata.tensors, *metadata.objects]
    paths = {name: metadata.paths.get(name, (name,)) for name in names}
    model = [name for name in metadata.tensors if not _is_optimizer(paths[name])]
    beside = len(model) < len(metadata.tensors)
    flat = all(len(paths[name]) == 1 and name.startswith(MODEL) for name in model)
    if beside and flat:
        paths |= {name: ("model", name.removeprefix(MODEL)) for name in model}
    return paths


def _metadata(place: Place) -> Metadata:
    file = open_bytes(place / METADATA)
    if file.size > LARGEST:
        raise _refuse(place, f"its .metadata has {file.size} bytes, over {LARGEST}")
    try:
        return read_metadata(file.read(0, file.size))
    except PickleFault as fault:
        raise UnreadableFile(
            f"its .metadata is refused: {shown(str(fault))}",
            where=str(place),
            next_step="if you trust it, save it again as safetensors where it was made",
        ) from fault


class _Files:
    """The files of a folder, opened once each; names that lead out of it are refused."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._open: dict[str, ByteFile] = {}

    @property
    def places(self) -> list[Place]:
        """Those that hold something, in the order of their names."""
        return [self.place / name for name in sorted(self._open)]

    def file_of(self, blob: Blob) -> ByteFile:
        """Return the file of a blob, which lies within it."""
        name = blob.file
        if not is_plain_name(name):
            raise _refuse(self.place, f"names {quoted(name)}, which is no file name in its folder")
        if name not in self._open:
            if not (self.place / name).is_file():
                raise _refuse(self.place, f"its file {quoted(name)} is missing")
            self._open[name] = open_bytes(self.place / name)
        self._open[name].check_range(blob.offset, blob.n_bytes)
        return self._open[name]


def _tensor(name: str, sharded: Sharded, files: _Files) -> ChunkedTensor:
    item = ITEM_BITS[sharded.dtype] // 8
    chunks = [chunk for chunk in sharded.chunks if math.prod(chunk.sizes)]
    blobs = sorted((c.blob.file, c.blob.offset, c.blob.offset + c.blob.n_bytes) for c in chunks)
    if any(one[0] == two[0] and two[1] < one[2] for one, two in pairwise(blobs)):
        raise _refuse(files.place, f"two chunks of {quoted(name)} share bytes")
    for chunk in chunks:
        if chunk.blob.transformed:
            raise _refuse(
                files.place,
                f"tensor {quoted(name)} is compressed",
                "save it again without extensions, or as safetensors",
            )
        if math.prod(chunk.sizes) * item > chunk.blob.n_bytes:
            raise _refuse(files.place, f"a chunk of {quoted(name)} is larger than its bytes")
    held = tuple((chunk, files.file_of(chunk.blob)) for chunk in chunks)
    location = (held[0][1].where, held[0][0].blob.offset) if held else (f"{files.place}!{name}", 0)
    return ChunkedTensor(
        name=name,
        shape=sharded.shape,
        dtype=sharded.dtype,
        location=location,
        folder=str(files.place),
        chunks=held,
    )


def _is_optimizer(path: tuple[str, ...]) -> bool:
    return any(part.startswith("optim") for part in ".".join(path).split(".")[:2])


def _owned(path: tuple[str, ...]) -> tuple[str, str]:
    """Return the keys that lead to a model's own state dict, and the name in it."""
    depth = 0
    while depth < len(path) - 1 and path[depth] in OUTER:
        depth += 1
    return ".".join(path[:depth]), ".".join(path[depth:])


class _Objects:
    """Reads small objects beside the weights (a step, settings), within bounds for them all."""

    def __init__(self, files: _Files) -> None:
        self._files = files
        self._bytes = Budget(LARGEST_OBJECTS)
        self._values = Budget(MOST_OF_FILE)

    def keep(self, config: dict[str, Any], path: tuple[str, ...], blob: Blob) -> bool:
        """Keep an object as a plain value, if it is one."""
        if len(path) > 2 or blob.n_bytes > LARGEST_OBJECT or blob.transformed:
            return False
        window = Window(file=self._files.file_of(blob), start=blob.offset, size=blob.n_bytes)
        if not self._bytes.spend(blob.n_bytes):
            return False
        try:
            # torch does not compress: a pickle larger than its archive is not of its making.
            pickled = TorchFile(window).unpickle(largest=blob.n_bytes)
            value = plain(pickled, lambda _tensor: None, self._values)
        except (NotPlain, UnreadableFile):
            return False
        inner = config
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                return False
        inner[path[-1]] = value
        return True


def _refuse(place: Place, what: str, next_step: str = DAMAGED) -> UnreadableFile:
    return UnreadableFile(what, where=str(place), next_step=next_step)


DISTRIBUTED = Format(
    name="distributed",
    summary="a folder of torch.distributed.checkpoint, with its .metadata",
    accepts=_accepts,
    read=_read,
)
