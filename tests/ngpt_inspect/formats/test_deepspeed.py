"""Checkpoints of DeepSpeed and of accelerate, written as their documents say."""

from __future__ import annotations

import enum
import json
import math
import shutil
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from formats_helpers import refusal
from models import LLAMA_NAMES, Tensors, named, tiny_gpt

import ngpt_inspect as ni
from ngpt_inspect.formats import files_of, read_contents
from ngpt_inspect.runs import run_of, step_files

LLAMA = named(tiny_gpt(), LLAMA_NAMES, torch.float32)
CONFIG = {"model_type": "llama", "num_attention_heads": 4}


@contextmanager
def stages() -> Iterator[Any]:
    """Give the enumeration that DeepSpeed pickles, importable inside the block only."""
    parts = ("deepspeed", "runtime", "zero", "config")
    names = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    sys.modules |= {name: types.ModuleType(name) for name in names}
    kind = enum.IntEnum("ZeroStageEnum", {"weights": 3}, module=names[-1])
    sys.modules[names[-1]].ZeroStageEnum = kind  # type: ignore[attr-defined]
    try:
        yield kind
    finally:
        for name in names:
            del sys.modules[name]


def flat_shards(tensors: Tensors, ranks: int) -> list[list[torch.Tensor]]:
    """Cut each parameter among the ranks as ZeRO-3 does; a rank's values are in two groups."""
    mine: list[list[torch.Tensor]] = [[] for _ in range(ranks)]
    for tensor in tensors.values():
        each = math.ceil(tensor.numel() / ranks)
        padded = torch.full((each * ranks,), float("nan"))
        padded[: tensor.numel()] = tensor.flatten()
        for rank, piece in enumerate(padded.split(each)):
            mine[rank].append(piece)
    out = []
    for pieces in mine:
        whole = torch.cat(pieces)
        out.append([whole[:100].clone(), whole[100:].clone()])
    return out


def zero3(
    folder: Path,
    tensors: Tensors,
    *,
    ranks: int = 2,
    frozen: Tensors | None = None,
    shared: object = (),
    buffers: Tensors | None = None,
) -> Path:
    """Write what ZeRO-3 saves: placeholders, and the values in the optimizers of all ranks."""
    folder.mkdir(parents=True, exist_ok=True)
    frozen, buffers = frozen or {}, buffers or {}
    shards = flat_shards(tensors, ranks)
    names = list(tensors)
    groups = [names[: len(names) // 2], names[len(names) // 2 :]]
    aliases = [other for other, _ in shared]  # type: ignore[attr-defined]
    with stages() as stage:
        for rank in range(ranks):
            away = dict.fromkeys([*tensors, *frozen, *aliases], torch.empty(0))
            pieces = {k: flat_shards({k: v}, ranks)[rank][0] for k, v in frozen.items()}
            state = {
                "module": {**away, **buffers},
                "buffer_names": list(buffers),
                "optimizer": None,
                "param_shapes": [{n: tensors[n].shape for n in group} for group in groups],
                "frozen_param_shapes": {n: t.shape for n, t in frozen.items()} or None,
                "frozen_param_fragments": pieces or None,
                "shared_params": shared,
                "ds_version": "0.16.0",
                "global_steps": 500,
                "dp_world_size": ranks,
            }
            optim = {
                "optimizer_state_dict": {
                    "zero_stage": stage(3),
                    "partition_count": ranks,
                    "optimizer_state_dict": {"state": {}},
                    "fp32_flat_groups": shards[rank],
                },
                "ds_version": "0.16.0",
            }
            stem = folder / f"zero_pp_rank_{rank}_mp_rank_00"
            torch.save(state, f"{stem}_model_states.pt")
            torch.save(optim, f"{stem}_optim_states.pt")
    return folder


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_shards_of_zero_3_are_joined(ranks: int, tmp_path: Path) -> None:
    buffers = {"rotary": torch.arange(3.0)}
    folder = zero3(tmp_path / "global_step500", LLAMA, ranks=ranks, buffers=buffers)
    contents = read_contents(folder)
    assert set(contents.tensors) == {*LLAMA, "rotary"}
    for name, tensor in contents.tensors.items():
        expected = {**LLAMA, **buffers}[name]
        assert tensor.shape == tuple(expected.shape)
        assert torch.equal(tensor.read(), expected)
        if len(tensor.shape) > 1:
            assert torch.equal(tensor.read(3, 11), expected[3:11])
            assert torch.equal(tensor.read(5, 5), expected[5:5])


def test_frozen_and_shared_parameters(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in LLAMA.items() if "lm_head" not in name}
    frozen = {"adapter.weight": torch.randn(3, 5)}
    tied = [["lm_head.weight", "model.embed_tokens.weight"]]
    model = ni.open_checkpoint(zero3(tmp_path, tensors, frozen=frozen, shared=tied), heads=4)
    assert model.absent[ni.Role.E_OUTPUT] == "tied to E_input"
    assert model.unrecognised == ("adapter.weight",)
    assert torch.equal(model.contents.tensors["adapter.weight"].read(), frozen["adapter.weight"])


def test_the_last_step_of_a_trainer_with_deepspeed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for step in (500, 1000):
        folder = out / f"checkpoint-{step}"
        zero3(folder / f"global_step{step}", LLAMA)
        (folder / "latest").write_text(f"global_step{step}")
        (folder / "config.json").write_text(json.dumps(CONFIG))
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        torch.save({}, folder / "scheduler.pt")
    assert list(step_files(out)) == [500, 1000]
    model = ni.open_checkpoint(out)
    assert (model.label, model.step, model.shape.n_heads) == ("out", 1000, 4)
    assert run_of(Path(model.contents.source)) == out
    table = ni.measure(list(step_files(out).values()), "condition_numbers")
    assert table["step"].dropna().unique().tolist() == [500, 1000]
    assert not (table["status"] == "skipped").any()


def test_latest_names_the_folder(tmp_path: Path) -> None:
    for step in (500, 1000):
        zero3(tmp_path / f"global_step{step}", LLAMA)
    (tmp_path / "latest").write_text("global_step500\n")
    source = read_contents(tmp_path).source
    assert Path(source).parent.name == "global_step500"
    assert set((tmp_path / "global_step500").iterdir()) <= set(files_of(Path(source)))
    for said in ("", "../..", "/etc", "global_step7", "\x00" * 300):
        (tmp_path / "latest").write_text(said)
        assert Path(read_contents(tmp_path).source).parent.name == "global_step1000"


def test_stages_before_the_third_keep_the_module_whole(tmp_path: Path) -> None:
    folder = tmp_path / "global_step7"
    folder.mkdir()
    torch.save({"module": LLAMA, "global_steps": 7}, folder / "mp_rank_00_model_states.pt")
    for rank in (0, 1):
        torch.save({"a": 1}, folder / f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")
    model = ni.open_checkpoint(tmp_path)
    assert (model.architecture, model.step, model.unrecognised) == ("llama", 7, ())
    assert model.label == tmp_path.name


@pytest.mark.parametrize(
    ("gone", "left"),
    [("rank_1_mp_rank_00_optim", "1 of 2"), ("rank_0_mp_rank_00_optim", "1 of 2"), ("optim", "0")],
)
def test_placeholders_without_their_shards(gone: str, left: str, tmp_path: Path) -> None:
    for each in zero3(tmp_path, LLAMA).glob(f"*{gone}_states.pt"):
        each.unlink()
    said = f"holds placeholders of ZeRO-3, and {left} optim_states files are here"
    assert said in refusal(tmp_path)


def test_shards_of_another_model(tmp_path: Path) -> None:
    zero3(tmp_path / "a", LLAMA)
    zero3(tmp_path / "b", {"x": torch.ones(3, 3)})
    name = "zero_pp_rank_0_mp_rank_00_model_states.pt"
    shutil.copy(tmp_path / "a" / name, tmp_path / "b" / name)
    assert "its shards hold" in refusal(tmp_path / "b")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("outer", ["checkpoint-500", "checkpoint_500"])
def test_accelerates_fsdp_folder(outer: str, tmp_path: Path) -> None:
    folder = tmp_path / "out" / outer
    dcp.save({"model": LLAMA}, checkpoint_id=folder / "pytorch_model_fsdp_0", no_dist=True)
    dcp.save({"optim": {"x": torch.ones(2)}}, checkpoint_id=folder / "optimizer_0", no_dist=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    torch.save({"a": 1}, folder / "random_states_0.pkl")
    for source in (tmp_path / "out", folder, folder / "pytorch_model_fsdp_0"):
        model = ni.open_checkpoint(source)
        assert (model.label, model.step, model.shape.n_heads) == ("out", 500, 4)
        assert model.unrecognised == ()


@pytest.mark.filterwarnings("ignore")
def test_lightnings_distributed_form(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "epoch=0-step=100.ckpt"
    tensors = {f"net.{name}": tensor for name, tensor in LLAMA.items()}
    dcp.save({"state_dict": tensors}, checkpoint_id=folder, no_dist=True)
    told = {"epoch": 0, "global_step": 100, "hyper_parameters": {"n_head": 4}}
    torch.save(told, folder / "meta.pt")
    model = ni.open_checkpoint(folder)
    assert (model.architecture, model.step, model.shape.n_heads) == ("llama", 100, 4)
    assert model.unrecognised == ()


def test_tensor_parallel_ranks_are_refused(tmp_path: Path) -> None:
    for rank in (0, 1):
        held = {"module": {"layers.0.w.weight": torch.ones(2, 2)}}
        torch.save(held, tmp_path / f"mp_rank_0{rank}_model_states.pt")
    assert "one of several ranks that each hold a part of every matrix" in refusal(tmp_path)


def test_the_only_rank_of_megatron_is_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "iter_0000100"
    for rank in (0, 1):
        (folder / f"mp_rank_0{rank}").mkdir(parents=True)
        torch.save({"model": {"w": torch.ones(2)}}, folder / f"mp_rank_0{rank}" / "model.pt")
        if rank == 0:
            assert list(read_contents(folder).tensors) == ["w"]
    assert "folders that do: mp_rank_00, mp_rank_01" in refusal(folder)
