from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ngpt_inspect.formats._fingerprint import BLOCKS, fingerprint
from ngpt_inspect.formats.places.stamped import BLOCK


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_small_file_is_covered_whole(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    path = write(tmp_path / "a", data)
    assert fingerprint([path]) == hashlib.sha256(len(data).to_bytes(8, "little") + data).hexdigest()
    assert fingerprint([path]) == fingerprint([write(tmp_path / "copy", data)])


@pytest.mark.parametrize("place", [0, 12_345, BLOCK * 3 + 1, -1])
def test_one_byte_of_a_small_file_changes_it(place: int, tmp_path: Path) -> None:
    data = bytearray(BLOCK * 4)
    before = fingerprint([write(tmp_path / "a", bytes(data))])
    data[place] ^= 1
    assert fingerprint([write(tmp_path / "a", bytes(data))]) != before


def test_a_large_file_costs_a_fixed_number_of_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**40)
    hashed: list[int] = []
    sha256 = hashlib.sha256

    class Counting:
        def __init__(self) -> None:
            self.inner = sha256()

        def update(self, data: bytes) -> None:
            hashed.append(len(data))
            self.inner.update(data)

        def hexdigest(self) -> str:
            return self.inner.hexdigest()

    monkeypatch.setattr(hashlib, "sha256", Counting)
    before = fingerprint([path])
    assert hashed == [8] + [BLOCK] * BLOCKS
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert fingerprint([path]) != before


def test_the_order_and_the_sizes_of_files_count(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", b"1"), write(tmp_path / "b", b"23")
    c, d = write(tmp_path / "c", b"12"), write(tmp_path / "d", b"3")
    assert len({fingerprint(paths) for paths in ([a, b], [b, a], [c, d], [a], [])}) == 5
