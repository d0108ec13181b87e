"""Checkpoints in several files, of safetensors or of torch, and the index that names them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from formats_helpers import Call, pickle_with_storages, refusal, write_pickle
from safetensors.torch import save_file

from ngpt_inspect.formats import read_contents

WIDE = torch.arange(12.0).reshape(3, 4)


@dataclass(frozen=True)
class Shards:
    """A checkpoint in two files."""

    folder: Path
    format: str
    stem: str
    suffix: str
    save: Callable[..., None]

    @property
    def index(self) -> str:
        return f"{self.stem}{self.suffix}.index.json"

    def name(self, number: int) -> str:
        return f"{self.stem}-{number:05}-of-00002{self.suffix}"

    def path(self, number: int) -> Path:
        return self.folder / self.name(number)

    def write_index(self, weight_map: object) -> None:
        text = json.dumps({"metadata": {}, "weight_map": weight_map})
        (self.folder / self.index).write_text(text)


def written(*about: object) -> Shards:
    shards = Shards(*about)  # type: ignore[arg-type]
    shards.save({"a": torch.ones(2, 3)}, shards.path(1))
    shards.save({"b": torch.arange(4.0), "c": torch.zeros(1, dtype=torch.bfloat16)}, shards.path(2))
    shards.write_index({"b": shards.name(2), "a": shards.name(1), "c": shards.name(2)})
    return shards


SAFETENSORS = ("sharded safetensors", "model", ".safetensors", save_file)
TORCH = ("sharded torch", "pytorch_model", ".bin", torch.save)


@pytest.fixture(params=[SAFETENSORS, TORCH], ids=["safetensors", "torch"])
def shards(request: pytest.FixtureRequest, tmp_path: Path) -> Shards:
    return written(tmp_path, *request.param)


@pytest.fixture
def of_torch(tmp_path: Path) -> Shards:
    """Return two files, the first of which ties two names to one storage."""
    shards = written(tmp_path, *TORCH)
    torch.save({"wte": WIDE, "lm_head": WIDE}, shards.path(1))
    torch.save({"w": WIDE.T}, shards.path(2))
    one, two = shards.name(1), shards.name(2)
    shards.write_index({"wte": one, "w": two, "lm_head": one})
    return shards


@pytest.mark.parametrize("by_index", [False, True])
def test_tensors_of_all_shards_in_the_order_of_the_index(by_index: bool, shards: Shards) -> None:
    contents = read_contents(shards.folder / (shards.index if by_index else ""))
    assert contents.format == shards.format
    assert contents.source == str(shards.folder / shards.index)
    assert list(contents.tensors) == ["b", "a", "c"]
    assert torch.equal(contents.tensors["a"].read(), torch.ones(2, 3))
    assert torch.equal(contents.tensors["b"].read(), torch.arange(4.0))
    assert torch.equal(contents.tensors["b"].read(1, 3), torch.tensor([1.0, 2.0]))
    assert torch.equal(contents.tensors["c"].read(), torch.zeros(1, dtype=torch.bfloat16))
    assert contents.tensors["a"].location[0].startswith(str(shards.path(1)))


def test_what_shards_hold_beyond_the_index_is_there_too(shards: Shards) -> None:
    """transformers loads it as well; of a tensor in two files the index says which one is meant."""
    twice = {"a": torch.zeros(2, 3), "b": torch.arange(4.0), "d": torch.ones(1)}
    shards.save(twice, shards.path(2))
    shards.write_index({"b": shards.name(2), "a": shards.name(1)})
    tensors = read_contents(shards.folder).tensors
    assert list(tensors) == ["b", "a", "d"]
    assert torch.equal(tensors["a"].read(), torch.ones(2, 3))


def test_metadata_of_a_shard_is_config(tmp_path: Path) -> None:
    shards = written(tmp_path, *SAFETENSORS)
    save_file({"a": torch.ones(2, 3)}, shards.path(1), metadata={"format": "pt"})
    assert read_contents(tmp_path).config == {"metadata": {"format": "pt"}}


def test_one_shard_by_itself(shards: Shards) -> None:
    assert set(read_contents(shards.path(2)).tensors) == {"b", "c"}


def test_the_fingerprint_covers_every_shard(shards: Shards) -> None:
    before = read_contents(shards.folder).fingerprint
    shards.save({"b": torch.arange(4.0) + 1, "c": torch.zeros(1)}, shards.path(2))
    assert read_contents(shards.folder).fingerprint != before


def test_a_missing_shard_is_named(shards: Shards) -> None:
    shards.path(2).unlink()
    said = f"its shard '{shards.name(2)}' is missing; copy or download it into the same"
    assert said in refusal(shards.folder)


def test_a_shard_that_is_a_git_lfs_pointer(shards: Shards) -> None:
    shards.path(2).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    message = refusal(shards.folder)
    assert message.startswith(str(shards.path(2)))
    assert "is a Git LFS pointer" in message
    assert "git lfs pull" in message


def test_an_index_that_does_not_fit_its_shards(shards: Shards) -> None:
    shards.write_index({"a": shards.name(2)})
    assert f"tensor 'a' is not in {shards.name(2)}, where the index says" in refusal(shards.folder)


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "/etc/passwd", "..", "", "a\\b", "C:x", "a/b", "x\0", 3, None, []]
)
def test_a_shard_outside_the_folder_is_refused(name: object, shards: Shards) -> None:
    shards.write_index({"a": name})
    message = refusal(shards.folder)
    assert "which is not a file name in its folder; do not trust it" in message


def test_an_index_that_names_itself(shards: Shards) -> None:
    shards.write_index({"a": shards.index})
    assert f"its weight_map names the index '{shards.index}' as a shard" in refusal(shards.folder)


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
def test_a_broken_index(text: str, expected: str, shards: Shards) -> None:
    (shards.folder / shards.index).write_text(text)
    assert expected in refusal(shards.folder)


def test_parts_without_their_index(shards: Shards) -> None:
    one, two = shards.name(1), shards.name(2)
    shards.write_index({"a": one, "b": two, "c": two})
    with_index = read_contents(shards.folder)
    (shards.folder / shards.index).unlink()
    contents = read_contents(shards.folder)
    assert contents.tensors == with_index.tensors
    assert (contents.config, contents.fingerprint) == (with_index.config, with_index.fingerprint)
    shards.save({"a": torch.ones(2)}, shards.path(2))
    assert f"{two} holds 'a', which a part before it holds too" in refusal(shards.folder)
    shards.path(1).unlink()
    assert f"parts of a checkpoint ({two}), not all of them, and no index" in refusal(shards.folder)


def test_the_only_part_is_the_whole(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "model-00001-of-00001.safetensors")
    assert list(read_contents(tmp_path).tensors) == ["a"]


def test_tied_tensors_share_their_place(of_torch: Shards) -> None:
    tensors = read_contents(of_torch.folder).tensors
    assert tensors["wte"].location == tensors["lm_head"].location != tensors["w"].location
    assert torch.equal(tensors["wte"].read(1, 2), WIDE[1:2])
    assert torch.equal(tensors["w"].read(), WIDE.T)


def test_safetensors_come_before_torch_files(of_torch: Shards) -> None:
    save_file({"w": torch.ones(1)}, of_torch.folder / "model.safetensors")
    assert read_contents(of_torch.folder).format == "safetensors"


def test_a_part_that_is_no_torch_file(of_torch: Shards) -> None:
    of_torch.path(2).write_bytes(b"\x80\x04N.")
    assert f"{of_torch.name(2)}: is a bare Python pickle" in refusal(of_torch.folder)


def test_a_part_that_would_run_code(of_torch: Shards, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    data = pickle_with_storages({"w": Call(os.system, f"touch {marker}")})
    write_pickle(of_torch.path(2), data)
    assert "which could run any code" in refusal(of_torch.folder)
    assert not marker.exists()
