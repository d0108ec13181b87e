"""Distributed checkpoints, written and read back by torch.distributed.checkpoint."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from formats_helpers import Call, counted_reads, refusal
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)

from ngpt_inspect.formats import read_contents

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed", "ignore:TypedStorage")
WIDE = torch.arange(120.0).reshape(12, 10)
State = dict[str, Any]
Block = tuple[slice, ...]


def save(folder: Path, state: State) -> Path:
    dcp.save(state, checkpoint_id=folder, no_dist=True)
    return folder


def save_in_chunks(folder: Path, tensors: dict[str, tuple[torch.Tensor, list[Block]]]) -> Path:
    """Write what several ranks would: every block a torch file, in the files of two ranks."""
    folder.mkdir(parents=True, exist_ok=True)
    described, places = {}, {}
    files: dict[str, bytes] = {"__0_0.distcp": b"", "__1_0.distcp": b""}
    for name, (tensor, blocks) in tensors.items():
        chunks = []
        for number, block in enumerate(blocks):
            values = tensor[block].clone()
            offsets = torch.Size(each.start for each in block)
            buffer = io.BytesIO()
            torch.save(values, buffer)
            file = list(files)[number % 2]
            info = _StorageInfo(file, len(files[file]), len(buffer.getvalue()))
            places[MetadataIndex(name, offsets, number)] = info
            files[file] += buffer.getvalue()
            chunks.append(ChunkStorageMetadata(offsets, values.shape))
        properties = TensorProperties.create_from_tensor(tensor)
        described[name] = TensorStorageMetadata(properties, tensor.shape, chunks)
    for file, data in files.items():
        (folder / file).write_bytes(data)
    metadata = Metadata(described, planner_data=None, storage_data=places)
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))
    return folder


def by_torch(folder: Path, name: str, like: torch.Tensor) -> torch.Tensor:
    state = {name: torch.empty_like(like)}
    dcp.load(state, checkpoint_id=folder, no_dist=True)
    return state[name]


def rows(*cuts: int) -> list[Block]:
    return [(slice(a, b), slice(0, 10)) for a, b in pairwise(cuts)]


CUTS: dict[str, list[Block]] = {
    "whole": rows(0, 12),
    "rows": rows(0, 5, 6, 12),
    "columns": [(slice(0, 12), slice(a, a + 5)) for a in (0, 5)],
    "tiles": [(slice(a, a + 4), slice(b, b + 5)) for a in (0, 4, 8) for b in (0, 5)],
    "uneven": [
        *((slice(0, 7), slice(0, 3)), (slice(0, 12), slice(3, 10)), (slice(7, 12), slice(0, 3)))
    ],
    "with an empty one": [*rows(0, 12), (slice(12, 12), slice(0, 10))],
}


@pytest.mark.parametrize("name", CUTS)
def test_chunks_are_put_together_as_torch_does(name: str, tmp_path: Path) -> None:
    folder = save_in_chunks(tmp_path / "c", {"w": (WIDE, CUTS[name])})
    contents = read_contents(folder)
    assert contents.format == "distributed"
    tensor = contents.tensors["w"]
    assert torch.equal(tensor.read(), by_torch(folder, "w", WIDE))
    assert torch.equal(tensor.read(), WIDE)
    for first, last in ((0, 1), (4, 7), (6, 12), (11, 12), (3, 3)):
        assert torch.equal(tensor.read(first, last), WIDE[first:last])


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int64]
)
def test_dtypes_and_shapes(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {"a": torch.ones(()), "b": torch.arange(5), "c": torch.zeros(0, 3), "d": WIDE[None]}
    state = {name: values.to(dtype) for name, values in state.items()}
    tensors = read_contents(save(tmp_path / "c", state)).tensors
    for name, values in state.items():
        read = tensors[name].read()
        assert read.dtype == dtype
        assert read.shape == values.shape
        assert torch.equal(read.double(), values.double())


def test_only_the_chunks_asked_for_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = torch.zeros(400, 1000)
    quarters: list[Block] = [(slice(a, a + 100), slice(0, 1000)) for a in range(0, 400, 100)]
    contents = read_contents(save_in_chunks(tmp_path / "c", {"w": (wide, quarters)}))
    read = counted_reads(monkeypatch)
    contents.tensors["w"].read(110, 113)
    values = 3 * 1000 * 4
    assert values <= sum(read) < values + 50_000, "one chunk's directory and three of its rows"


def nested() -> State:
    return {
        "model": {"wte.weight": WIDE, "h.0.w": WIDE.T.contiguous()},
        "optim": {"state": {"wte.weight": {"exp_avg": WIDE}}, "param_groups": {"lr": 0.1}},
        "step": 7,
        "config": {"n_head": 2, "name": "tiny"},
        "scheduler": object,
    }


def test_prefixes_go_and_the_optimizer_is_left_alone(tmp_path: Path) -> None:
    state = nested()
    contents = read_contents(save(tmp_path / "c", state))
    assert set(contents.tensors) == {"wte.weight", "h.0.w"}
    assert torch.equal(contents.tensors["h.0.w"].read(), WIDE.T)
    assert contents.config["step"] == 7
    assert contents.find("n_head") == (2, "config.n_head")
    left = contents.config["left_out"]
    assert left["optim.state.wte.weight.exp_avg"] == "a tensor of the optimizer"
    assert left["optim.param_groups.lr"] == "an object beside the weights"


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"model": s}, lambda s: {"app": {"model": s}}]
)
def test_names_that_begin_with_model_keep_it(wrap: Any, tmp_path: Path) -> None:
    names = {"model.layers.0.w": torch.ones(2), "model.embed.weight": torch.ones(3)}
    assert set(read_contents(save(tmp_path / "c", wrap(names))).tensors) == set(names)


def test_olmo_core_s_folder(tmp_path: Path) -> None:
    state = {"model": {"blocks.0.attention.w_q.weight": WIDE}, "optim": {"x": torch.ones(1)}}
    save(tmp_path / "step100" / "model_and_optim", state)
    (tmp_path / "step100" / "config.json").write_text(json.dumps({"model": {"n_layers": 1}}))
    for name in ("step100", "step100/model_and_optim"):
        contents = read_contents(tmp_path / name)
        assert list(contents.tensors) == ["blocks.0.attention.w_q.weight"]
        assert contents.lookup("config.model.n_layers") == 1


@contextmanager
def changed(folder: Path) -> Iterator[Any]:
    """Give the metadata of a checkpoint, and write what becomes of it."""
    metadata = pickle.loads((folder / ".metadata").read_bytes())
    yield metadata
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))


def test_a_call_in_the_metadata_is_refused_and_never_made(tmp_path: Path) -> None:
    folder = save(tmp_path / "c", {"w": WIDE})
    with changed(folder) as metadata:
        metadata.planner_data = Call(os.system, f"touch {tmp_path / 'ran'}")
    assert "system when loaded, which could run any code" in refusal(folder)
    assert not (tmp_path / "ran").exists()


def test_a_call_in_an_object_is_never_made(tmp_path: Path) -> None:
    folder = save(tmp_path / "c", {"w": WIDE})
    extra = folder / "extra.distcp"
    torch.save(Call(os.system, f"touch {tmp_path / 'ran'}"), extra)
    with changed(folder) as metadata:
        metadata.state_dict_metadata["step"] = BytesStorageMetadata()
        place = _StorageInfo(extra.name, 0, extra.stat().st_size)
        metadata.storage_data[MetadataIndex("step")] = place
    contents = read_contents(folder)
    assert contents.config == {"left_out": {"step": "an object beside the weights"}}
    assert not (tmp_path / "ran").exists()


PLACES = {
    "outside": ({"relative_path": "../secret"}, "'../secret', which is no file name in its folder"),
    "missing": ({"relative_path": "gone.distcp"}, "its file 'gone.distcp' is missing"),
    "beyond": ({"length": 10**9}, "1000000000 bytes at offset 0 are promised"),
    "negative": ({"offset": -1}, "a chunk without a place"),
    "short": ({"length": 100}, "is larger than its bytes"),
    "shifted": ({"offset": 1, "length": 1300}, "cannot be read"),
    "compressed": ({"transform_descriptors": ["zstd"]}, "tensor 'w' is compressed"),
}


@pytest.mark.parametrize("name", PLACES)
def test_metadata_that_does_not_fit_its_files(name: str, tmp_path: Path) -> None:
    fields, expected = PLACES[name]
    folder = save_in_chunks(tmp_path / "c", {"w": (WIDE, CUTS["whole"])})
    with changed(folder) as metadata:
        vars(next(iter(metadata.storage_data.values()))).update(fields)
    assert expected in refusal(folder)


HOLES = {
    "hole": rows(0, 5, 10),
    "overlap": [*rows(0, 7), *rows(6, 11)],
    "outside": [(slice(0, 12), slice(0, 5)), (slice(0, 12), slice(6, 11))],
}


@pytest.mark.parametrize("name", HOLES)
def test_chunks_that_do_not_cover_are_refused(name: str, tmp_path: Path) -> None:
    wide = torch.zeros(12, 11)
    folder = save_in_chunks(tmp_path / "c", {"w": (wide, HOLES[name])})
    with changed(folder) as metadata:
        metadata.state_dict_metadata["w"].size = torch.Size((12, 10))
    assert "its chunks do not cover shape [12, 10] once each" in refusal(folder)


def test_chunks_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """A small file that claims to be a huge tensor many times over."""
    folder = save_in_chunks(tmp_path / "c", {"w": (WIDE, rows(0, 4, 8, 12))})
    with changed(folder) as metadata:
        infos = list(metadata.storage_data.values())
        infos[2].offset = infos[0].offset + 1
    assert "two chunks of 'w' share bytes" in refusal(folder)


def test_a_chunk_that_is_another_tensor(tmp_path: Path) -> None:
    folder = save_in_chunks(tmp_path / "c", {"w": (WIDE, CUTS["whole"])})
    file = folder / "__0_0.distcp"
    torch.save(WIDE.reshape(10, 12), file)
    with changed(folder) as metadata:
        next(iter(metadata.storage_data.values())).length = file.stat().st_size
    assert "a chunk is not what the metadata says: F32 of [12, 10]" in refusal(folder)
