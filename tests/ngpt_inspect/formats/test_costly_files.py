"""Small files that name one thing very often: opened in bounded time and memory all the same."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from formats_helpers import (
    beside_weights,
    pickle_with_storages,
    refusal,
    stored_tensor,
    write_archive,
    write_pickle,
    write_safetensors,
)
from hostile.guard import guarded
from hostile.pickles import text

import ngpt_inspect as ni
from ngpt_inspect.errors import InspectError
from ngpt_inspect.formats import read_contents

GET = b"j\x00\x10\x00\x00"
"""Fetches what was kept under 4096, a number that no pickler has used by then."""
PUT = b"r" + GET[1:]


def tensor(n_items: int, shape: tuple[int, ...], offset: int = 0) -> bytes:
    """Return the instructions that make a float32 tensor of storage 0."""
    return pickle_with_storages(stored_tensor(n_items, shape, offset=offset))[2:-1]


def under_many_keys(value: bytes, count: int) -> bytes:
    again = b"".join(text(f"k{i}") + GET for i in range(count))
    return text("first") + value + PUT + again


NUMBERS = b"".join(b"J" + struct.pack("<i", i) + b"N" for i in range(100_000))
LISTS = {
    "kept whole": b"](" + b"N" * 9_990 + b"e",
    "too long": b"](" + b"]" * 100_000 + b"e",
    "many keys": b"}(" + NUMBERS + b"u",
}


@pytest.mark.parametrize("name", LISTS)
def test_one_value_under_many_keys(name: str, tmp_path: Path) -> None:
    data = beside_weights(under_many_keys(LISTS[name], 1_000))
    path = write_pickle(tmp_path / "w.pt", data, _0=bytes(4))
    with guarded(tmp_path):
        contents = read_contents(path)
    left_out = contents.config["left_out"]
    assert len(left_out) + len(contents.config) == 1_002, "each key is kept or left out, by name"
    assert sum(len(v) for k, v in contents.config.items() if k != "left_out") <= 100_000
    assert list(contents.tensors) == ["w"]


def test_long_texts_under_many_keys(tmp_path: Path) -> None:
    data = beside_weights(under_many_keys(b"](" + (text("x" * 10_001)) + b"e", 20_000))
    path = write_pickle(tmp_path / "w.pt", data, _0=bytes(4))
    with guarded(tmp_path):
        config = read_contents(path).config
    assert config["first"] == ["x" * 10_000 + "... (10001 characters)"]
    assert len(config) < 1_001


def test_long_equal_texts_as_keys(tmp_path: Path) -> None:
    """Each is compared with the other, whole, whenever it is used."""
    long = text("x" * 10_000_000)
    keys = long + b"Ns" + long + PUT + b"Ns" + (GET + b"Ns") * 300_000
    path = write_pickle(tmp_path / "w.pt", beside_weights(text("config") + b"}" + keys))
    with guarded(tmp_path):
        message = refusal(path)
    assert "a text of 10000000 characters as a key" in message


def test_single_values_at_the_end_of_a_compressed_storage(tmp_path: Path) -> None:
    n_items = 15 * 2**20
    losses = b"](" + tensor(n_items, (1,), n_items - 1) + PUT + GET * 500 + b"e"
    data = beside_weights(text("losses") + losses, n_items)
    entries = {"data.pkl": data, "data/0": bytes(4 * n_items)}
    path = write_archive(tmp_path / "w.pt", entries, zipfile.ZIP_DEFLATED)
    with guarded(tmp_path):
        config = read_contents(path).config
    assert config["left_out"]["losses"] == "a list of length 501, tensors or arrays inside: 1"


def test_a_single_value_of_a_small_compressed_storage_is_read(tmp_path: Path) -> None:
    data = beside_weights(text("loss") + tensor(2, (1,), 1), 2)
    entries = {"data.pkl": data, "data/0": struct.pack("<2f", 3.0, 0.5)}
    path = write_archive(tmp_path / "w.pt", entries, zipfile.ZIP_DEFLATED)
    assert read_contents(path).config == {"loss": 0.5}


@pytest.mark.filterwarnings("ignore:torch.distributed", "ignore:TypedStorage")
@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_many_objects_that_are_one_long_pickle(packed: int, tmp_path: Path) -> None:
    import torch.distributed.checkpoint as dcp

    state = {"model": {"w": torch.ones(3)}, "step": 3, **{f"more {i}": i for i in range(40)}}
    dcp.save(state, checkpoint_id=tmp_path, no_dist=True)
    file = tmp_path / "__0_0.distcp"
    start = file.stat().st_size
    long = io.BytesIO()
    with zipfile.ZipFile(long, "w", packed) as archive:
        archive.writestr("x/data.pkl", b"\x80\x02" + b"N0" * 120_000 + b"N.")
    file.write_bytes(file.read_bytes() + long.getvalue())
    metadata: Any = pickle.loads((tmp_path / ".metadata").read_bytes())
    for key, place in metadata.storage_data.items():
        if key.fqn.startswith("more"):
            place.offset, place.length = start, len(long.getvalue())
    (tmp_path / ".metadata").write_bytes(pickle.dumps(metadata))
    with guarded(tmp_path):
        contents = read_contents(tmp_path)
    assert contents.config["step"] == 3
    assert len(contents.config["left_out"]) >= 35


@pytest.mark.parametrize("size", [0, 2**63 - 1, 2**64 - 1])
@pytest.mark.parametrize("kind", [0, 8])
def test_gguf_tensors_without_values(kind: int, size: int, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0)
    entry = struct.pack("<Q1sIQQIQ", 1, b"w", 2, 0, size, kind, 0)
    path = tmp_path / "m.gguf"
    path.write_bytes(head + entry.replace(b"w\0\0\0", b"w") + bytes(64))
    if size >= 2**63:
        assert "tensor 'w' has impossible sizes" in refusal(path)
        return
    tensor = read_contents(path).tensors["w"]
    assert tensor.read().shape == tensor.shape == (size, 0)
    assert tensor.rounding() == (None if kind == 0 else float("inf"))


def test_gguf_arrays_of_a_whole_file(tmp_path: Path) -> None:
    """As numbers of Python they would take up to twenty times the bytes of the file."""
    pytest.importorskip("gguf")
    array = struct.pack("<Q1sIIQ", 1, b"k", 9, 3, 5_000_000).replace(b"k\0\0\0", b"k")
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + array + bytes(10_000_000))
    assert "holds arrays of 5000000 values, over 4000000" in refusal(path)


def test_a_constant_too_large_for_a_float(tmp_path: Path, layouts: dict[str, Path]) -> None:
    data = layouts["reference_ngpt"].read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    about = json.loads(header["__metadata__"]["reference_model"])
    about["config"]["alpha_init"] = 10**400
    header["__metadata__"]["reference_model"] = json.dumps(about)
    path = write_safetensors(tmp_path / "w.safetensors", header, data[end:])
    with pytest.raises(InspectError, match=r"alpha_init is inf .read from .*must be a number"):
        ni.open_checkpoint(path)


def test_tensor_names_that_would_command_a_terminal(tmp_path: Path) -> None:
    header = {"a\n\x1b[2J": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}
    path = write_safetensors(tmp_path / "w.safetensors", header, b"0")
    (note,) = ni.open_checkpoint(path).notes
    assert note.isprintable()
    assert r"a\n\x1b[2J" in note


@pytest.mark.slow
def test_a_pickle_that_grows_more_than_any_does(tmp_path: Path) -> None:
    data = beside_weights(text("many") + b"](" + b"]" * 600_000 + b"e")
    entries = {"data.pkl": data, "data/0": bytes(4), "version": b"3\n"}
    path = write_archive(tmp_path / "w.pt", entries, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 20_000
    with guarded(tmp_path), pytest.raises(InspectError, match=r"its data.pkl has \d+ bytes, over"):
        read_contents(path)
    kept = write_archive(tmp_path / "kept.pt", entries)
    with guarded(tmp_path):
        assert list(read_contents(kept).tensors) == ["w"]
