"""What the tests of the formats share: bad files made by hand, and how a refusal must look."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hostile.pickles import text

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents
from ngpt_inspect.formats.places.stamped import StampedFile

SHARED_WEIGHTS = Path(__file__).parents[4] / "shared" / "data" / "weights"


def shared_weights(name: str) -> Path:
    """Return a real checkpoint, or skip where there is none."""
    path = SHARED_WEIGHTS / name
    if not path.exists():
        pytest.skip(f"{name} is not at <repository>/../shared/data/weights")
    return path


def refusal(path: Path | str) -> str:
    """Read what must be refused; return the message, which must be one line."""
    with pytest.raises(UnreadableFile) as caught:
        read_all(path)
    message = str(caught.value)
    assert message.isprintable(), message
    assert len(message) < 1500
    assert caught.value.where, "an error says where"
    assert caught.value.next_step, "an error says what to do"
    return message


def read_all(path: Path | str) -> None:
    """Open a checkpoint and read every value."""
    for tensor in read_contents(path).tensors.values():
        tensor.read()


def counted_reads(patch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that fills with the number of bytes of each read of a file from now on."""
    asked: list[int] = []
    original = StampedFile.read_into

    def counting(file: StampedFile, buffer: memoryview, offset: int) -> None:
        asked.append(buffer.nbytes)
        original(file, buffer, offset)

    patch.setattr(StampedFile, "read_into", counting)
    return asked


def safetensors_bytes(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """Return a safetensors file with any header, given as JSON text or as an object."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def write_safetensors(path: Path, header: object, data: bytes = b"", **options: int) -> Path:
    """Write `safetensors_bytes`."""
    path.write_bytes(safetensors_bytes(header, data, **options))
    return path


def write_archive(path: Path, entries: dict[str, bytes], compression: int = 0) -> Path:
    """Write a zip file with these entries under ``archive/``."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(f"archive/{name}", data)
    return path


def write_pickle(path: Path, data: bytes, **storages: bytes) -> Path:
    """Write a torch archive around a pickle; `storages` by key, an underscore before it."""
    entries = {f"data/{key[1:]}": value for key, value in storages.items()}
    return write_archive(path, {"data.pkl": data, "byteorder": b"little", **entries})


def pickle_with_storages(value: object, protocol: int = 2) -> bytes:
    """Pickle a value in which `Persistent` objects stand for storages."""
    buffer = io.BytesIO()
    _StoragePickler(buffer, protocol).dump(value)
    return buffer.getvalue()


def stored_tensor(
    n_items: int,
    shape: tuple[object, ...],
    stride: tuple[object, ...] | None = None,
    offset: object = 0,
    *,
    key: str = "0",
) -> Call:
    """Return something that pickles as a float32 tensor of a storage of so many items."""
    storage = Persistent("storage", torch.FloatStorage, key, "cpu", n_items)
    stride = (1,) * len(shape) if stride is None else stride
    return Call(torch._utils._rebuild_tensor_v2, storage, offset, shape, stride, False, {})


def beside_weights(instructions: bytes, n_items: int = 1) -> bytes:
    """Return the pickle of a state dict under ``model`` and the pairs of key and value given."""
    weights = pickle_with_storages({"w": stored_tensor(n_items, (1,))})[2:-1]
    return b"\x80\x02}(" + text("model") + weights + instructions + b"u."


class Persistent:
    """Something kept outside the pickle under this id."""

    def __init__(self, *identifier: object) -> None:
        self.identifier = identifier


class _StoragePickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        return obj.identifier if isinstance(obj, Persistent) else None


class Call:
    """Pickles as a call of a function with these arguments."""

    def __init__(self, function: object, *args: object) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.function, self.args
