"""Files of torch that are cut, torn or lie are refused; `test_hostile_files` draws more."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from formats_helpers import refusal, write_archive

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents

STATE = {f"h.{i}.w": torch.arange(6.0).reshape(2, 3).T for i in range(4)} | {"b": torch.ones(1)}


def entries_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as stored:
        return {name.partition("/")[2]: stored.read(name) for name in stored.namelist()}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a good checkpoint as torch writes it, and one whose entries are deflated."""
    folder = tmp_path_factory.mktemp("good")
    torch.save({"model": STATE, "config": {"n_head": 2}, "step": 3}, folder / "stored.pt")
    write_archive(folder / "packed.pt", entries_of(folder / "stored.pt"), zipfile.ZIP_DEFLATED)
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["stored.pt", "packed.pt"])
def test_a_torch_file_cut_anywhere_is_refused(
    name: str, good: dict[str, Path], tmp_path: Path
) -> None:
    tensors = read_contents(good[name]).tensors
    assert all(torch.equal(tensors[key].read(), values) for key, values in STATE.items())
    whole = good[name].read_bytes()
    path = tmp_path / name
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        refusal(path)


def test_an_entry_whose_local_header_is_gone(good: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    data = bytearray(good["stored.pt"].read_bytes())
    data[:4] = b"PK\x03\x04"
    with zipfile.ZipFile(good["stored.pt"]) as archive:
        place = archive.getinfo("stored/data/2").header_offset
    data[place] = 0
    path.write_bytes(data)
    assert "its entry 'stored/data/2' does not begin where it should" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_named_twice(good: dict[str, Path], tmp_path: Path) -> None:
    path = Path(shutil.copy(good["stored.pt"], tmp_path / "w.pt"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("stored/data/2", bytes(24))
    assert "holds two entries named 'stored/data/2'" in refusal(path)


def patched_directory(path: Path, name: bytes, offset: int, value: bytes) -> Path:
    """Overwrite a field of an entry's record in the zip directory (APPNOTE.TXT, 4.3.12)."""
    data = bytearray(path.read_bytes())
    place = data.rindex(name) - 46 + offset
    assert data[place - offset :][:4] == b"PK\x01\x02"
    data[place : place + len(value)] = value
    path.write_bytes(data)
    return path


FIELDS = {
    "encrypted": (8, b"\x01\x00", "its entry 'archive/data/0' is encrypted"),
    "method": (10, b"\x0c\x00", "its entry 'archive/data/0' is compressed in an unusual way"),
    "sizes": (24, b"\xff\xff\x00\x00", "its entry 'archive/data/0' has two different sizes"),
    "packed size": (20, b"\xff\xff\xff\x0f", "bytes at offset"),
    "place": (42, b"\xff\xff\xff\x0f", "bytes at offset"),
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_directory_that_lies(name: str, good: dict[str, Path], tmp_path: Path) -> None:
    path = write_archive(tmp_path / "w.pt", entries_of(good["stored.pt"]))
    offset, value, expected = FIELDS[name]
    assert expected in refusal(patched_directory(path, b"archive/data/0", offset, value))


def test_a_zip_bomb_is_refused_unread(tmp_path: Path) -> None:
    size = 100 * 2**20
    entries = {"data.pkl": bytes(size)}
    path = write_archive(tmp_path / "w.pt", entries, zipfile.ZIP_DEFLATED)
    assert f"to {size} bytes; zip it again without compression" in refusal(path)


def test_a_pickle_too_large_to_be_true(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", b"")
    size = 65 * 2**20
    raw = bytearray(path.read_bytes())
    start = 30 + len("archive/data.pkl")
    sizes = size.to_bytes(4, "little") * 2
    directory = raw[start:]
    directory[20:28] = sizes
    end = directory.rindex(b"PK\x05\x06")
    directory[end + 16 : end + 20] = (start + size).to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(raw[:start])
        file.seek(start + size)
        file.write(directory)
    assert f"its data.pkl has {size} bytes, over {64 * 2**20}" in refusal(path)


def test_deflated_values_that_are_damaged(good: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(good["packed.pt"].read_bytes())
    with zipfile.ZipFile(good["packed.pt"]) as archive:
        info = archive.getinfo("archive/data/0")
    start = info.header_offset + 30 + len(info.filename)
    data[start] = 0xFF
    path = tmp_path / "w.pt"
    path.write_bytes(data)
    assert "its entry 'archive/data/0' does not decompress" in refusal(path)


def test_deflated_values_that_end_early(good: dict[str, Path], tmp_path: Path) -> None:
    path = Path(shutil.copy(good["packed.pt"], tmp_path / "w.pt"))
    patched_directory(path, b"archive/data/0", 24, (10**6).to_bytes(4, "little"))
    tensor = read_contents(path).tensors["h.0.w"]
    assert tensor.read().numel() == 6
    entry = tensor.entry  # type: ignore[attr-defined]
    with pytest.raises(UnreadableFile, match="its entry 'archive/data/0' ends early"):
        entry.read()
