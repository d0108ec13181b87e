from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from formats_helpers import refusal
from safetensors.torch import save_file

from ngpt_inspect.formats import read_contents

INDEX = "model.safetensors.index.json"


def shard(number: int) -> str:
    return f"model-{number:05}-of-00002.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_file({"a": torch.ones(2, 3)}, tmp_path / shard(1), metadata={"format": "pt"})
    save_file({"b": torch.arange(4.0), "c": torch.zeros(1)}, tmp_path / shard(2))
    write_index(tmp_path, {"a": shard(1), "b": shard(2), "c": shard(2)})
    return tmp_path


def write_index(folder: Path, weight_map: object) -> None:
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


@pytest.mark.parametrize("name", ["", INDEX])
def test_tensors_of_all_shards_in_the_order_of_the_index(name: str, folder: Path) -> None:
    contents = read_contents(folder / name)
    assert list(contents.tensors) == ["a", "b", "c"]
    assert contents.format == "sharded safetensors"
    assert contents.source == str(folder / INDEX)
    assert contents.config == {"metadata": {"format": "pt"}}
    assert torch.equal(contents.tensors["b"].read(1, 3), torch.tensor([1.0, 2.0]))
    assert contents.tensors["a"].location[0] == str(folder / shard(1))


def test_one_shard_by_itself(folder: Path) -> None:
    assert set(read_contents(folder / shard(2)).tensors) == {"b", "c"}


def test_the_fingerprint_covers_every_shard(folder: Path) -> None:
    before = read_contents(folder).fingerprint
    save_file({"b": torch.arange(4.0) + 1, "c": torch.zeros(1)}, folder / shard(2))
    assert read_contents(folder).fingerprint != before


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / shard(2)).unlink()
    assert f"its shard '{shard(2)}' is missing; copy or download it into the same" in refusal(
        folder
    )


def test_a_shard_that_is_a_git_lfs_pointer(folder: Path) -> None:
    (folder / shard(2)).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    message = refusal(folder)
    assert message.startswith(str(folder / shard(2)))
    assert "git lfs pull" in message


def test_an_index_that_does_not_fit_its_shards(folder: Path) -> None:
    write_index(folder, {"a": shard(2)})
    assert f"tensor 'a' is not in {shard(2)}, where the index says" in refusal(folder)


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "/etc/passwd", "..", "", "a\\b", "C:x", "a/b", "x\0", 3, None, []]
)
def test_a_shard_outside_the_folder_is_refused(name: object, folder: Path) -> None:
    write_index(folder, {"a": name})
    message = refusal(folder)
    assert "which is not a file name in its folder; do not trust it" in message


def test_an_index_that_names_itself(folder: Path) -> None:
    write_index(folder, {"a": INDEX})
    assert f"its weight_map names the index '{INDEX}' as a shard" in refusal(folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "the index is not valid JSON"),
        ("[]", "the index is not a JSON object"),
        ("{}", "has no weight_map"),
        ('{"weight_map": []}', "has no weight_map"),
        ('{"weight_map": {}}', "has no weight_map"),
        ('{"weight_map": {"a": "x", "a": "y"}}', "the key 'a' comes twice"),
    ],
)
def test_a_broken_index(text: str, expected: str, folder: Path) -> None:
    (folder / INDEX).write_text(text)
    assert expected in refusal(folder)


def test_parts_without_their_index(folder: Path) -> None:
    with_index = read_contents(folder)
    (folder / INDEX).unlink()
    contents = read_contents(folder)
    assert contents.tensors == with_index.tensors
    assert (contents.config, contents.fingerprint) == (with_index.config, with_index.fingerprint)
    save_file({"a": torch.ones(2)}, folder / shard(2))
    assert f"{shard(2)} holds 'a', which a part before it holds too" in refusal(folder)
    (folder / shard(1)).unlink()
    assert f"parts of a checkpoint ({shard(2)}), not all of them, and no index" in refusal(folder)


def test_the_only_part_is_the_whole(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "model-00001-of-00001.safetensors")
    assert list(read_contents(tmp_path).tensors) == ["a"]
