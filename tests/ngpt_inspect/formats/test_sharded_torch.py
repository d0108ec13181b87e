from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from formats_helpers import Call, pickle_with_storages, refusal, write_pickle

from ngpt_inspect.formats import read_contents

INDEX = "pytorch_model.bin.index.json"
WIDE = torch.arange(12.0).reshape(3, 4)


def part(number: int) -> str:
    return f"pytorch_model-{number:05}-of-00002.bin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a checkpoint in two files, the first of which ties two names to one storage."""
    torch.save({"wte": WIDE, "lm_head": WIDE}, tmp_path / part(1))
    torch.save({"w": WIDE.T, "b": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / part(2))
    write_index(tmp_path, {"b": part(2), "wte": part(1), "w": part(2), "lm_head": part(1)})
    return tmp_path


def write_index(folder: Path, weight_map: object) -> None:
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


@pytest.mark.parametrize("name", ["", INDEX])
def test_tensors_of_all_files_in_the_order_of_the_index(name: str, folder: Path) -> None:
    contents = read_contents(folder / name)
    assert contents.format == "sharded torch"
    assert list(contents.tensors) == ["b", "wte", "w", "lm_head"]
    expected = torch.load(folder / part(1)) | torch.load(folder / part(2))
    for tensor_name, values in expected.items():
        assert torch.equal(contents.tensors[tensor_name].read(), values)


def test_all_parts_without_their_index(folder: Path) -> None:
    wanted = read_contents(folder).tensors
    (folder / INDEX).unlink()
    assert read_contents(folder).tensors == wanted


def test_tied_tensors_share_their_place(folder: Path) -> None:
    tensors = read_contents(folder).tensors
    assert tensors["wte"].location == tensors["lm_head"].location != tensors["w"].location


def test_only_the_rows_asked_for_are_there(folder: Path) -> None:
    assert torch.equal(read_contents(folder).tensors["wte"].read(1, 2), WIDE[1:2])


def test_safetensors_come_before_torch_files(folder: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.ones(1)}, folder / "model.safetensors")
    assert read_contents(folder).format == "safetensors"


MAPS = {
    "missing": ({"w": "gone.bin"}, "its shard 'gone.bin' is missing"),
    "itself": ({"w": INDEX}, f"names the index '{INDEX}' as a shard"),
    "outside": ({"w": "../secret.bin"}, "'../secret.bin', which is not a file name in its folder"),
    "absolute": ({"w": "/etc/passwd"}, "'/etc/passwd', which is not a file name"),
    "number": ({"w": 3}, "a value of type int, which is not a file name"),
    "empty": ({}, "has no weight_map"),
    "elsewhere": ({"x": part(1)}, "tensor 'x' is not in pytorch_model-00001-of-00002.bin"),
}


@pytest.mark.parametrize("name", MAPS)
def test_an_index_that_lies(name: str, folder: Path) -> None:
    weight_map, expected = MAPS[name]
    write_index(folder, weight_map)
    assert expected in refusal(folder)


def test_a_part_that_is_no_torch_file(folder: Path) -> None:
    (folder / part(2)).write_bytes(b"version https://git-lfs.github.com/spec/v1")
    assert "is a Git LFS pointer" in refusal(folder)
    (folder / part(2)).write_bytes(b"\x80\x04N.")
    assert f"{part(2)}: is a bare Python pickle" in refusal(folder)


def test_a_part_that_would_run_code(folder: Path, tmp_path: Path) -> None:
    import os

    marker = tmp_path / "ran"
    data = pickle_with_storages({"w": Call(os.system, f"touch {marker}")})
    write_pickle(folder / part(2), data)
    assert "which could run any code" in refusal(folder)
    assert not marker.exists()
