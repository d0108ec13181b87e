"""Models in memory: measured as their file would be, without a copy, and left as they were."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from models import REFERENCE_NAMES, Tensors, named, tiny_gpt, tiny_ngpt, write_nanogpt
from safetensors.torch import load_file, save_file

import ngpt_inspect as ni
from ngpt_inspect.errors import InspectError, UnreadableFile, WrongOption
from ngpt_inspect.formats import read_contents

D, HEADS, V = 16, 4, 30


class Block(torch.nn.Module):
    """A block of nanoGPT."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = torch.nn.LayerNorm(D, bias=False), torch.nn.LayerNorm(D, bias=False)
        self.attn = torch.nn.Module()
        self.attn.n_head = HEADS
        self.attn.c_attn = torch.nn.Linear(D, 3 * D, bias=False)
        self.attn.c_proj = torch.nn.Linear(D, D, bias=False)
        self.mlp = torch.nn.Module()
        self.mlp.c_fc = torch.nn.Linear(D, 4 * D, bias=False)
        self.mlp.c_proj = torch.nn.Linear(4 * D, D, bias=False)


class Model(torch.nn.Module):
    """nanoGPT, its output embedding tied."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        vars(self).update(attributes)
        self.transformer = torch.nn.Module()
        self.transformer.wte = torch.nn.Embedding(V, D)
        self.transformer.h = torch.nn.ModuleList([Block(), Block()])
        self.transformer.ln_f = torch.nn.LayerNorm(D, bias=False)
        self.lm_head = torch.nn.Linear(D, V, bias=False)
        self.lm_head.weight = self.transformer.wte.weight


@dataclass
class Settings:
    """As nanoGPT keeps them."""

    n_head: int = HEADS
    dtype: Any = torch.float32


def in_a_file(tensors: Tensors, path: Path) -> pd.DataFrame:
    save_file({name: each.clone().contiguous() for name, each in tensors.items()}, path)
    return ni.measure(str(path), list(ni.MEASURES), **OPTIONS)


OPTIONS: dict[str, Any] = {"token": "1"}


def numbers(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=["checkpoint", "step", "reason"])


def test_every_measure_is_as_of_the_file_and_changes_nothing(tmp_path: Path) -> None:
    tensors = named(tiny_ngpt(), REFERENCE_NAMES, torch.float32)
    before = {name: each.clone() for name, each in tensors.items()}
    measured = ni.measure(tensors, list(ni.MEASURES), **OPTIONS)
    in_file = in_a_file(tensors, tmp_path / "m.safetensors")
    pd.testing.assert_frame_equal(numbers(measured), numbers(in_file))
    assert all(torch.equal(before[name], each) for name, each in tensors.items())


def test_values_are_the_memory_of_the_model_itself() -> None:
    model = Model()
    for name, tensor in read_contents(model).tensors.items():
        assert tensor.read().data_ptr() == model.state_dict()[name].data_ptr()
        assert tensor.read(1, 3).data_ptr() == model.state_dict()[name][1:3].data_ptr()


def test_a_transposed_tensor_reads_as_it_means() -> None:
    held = torch.arange(12.0).reshape(3, 4).T
    tensor = read_contents({"h.0.weight": held}).tensors["h.0.weight"]
    assert torch.equal(tensor.read(), held)
    assert tensor.read().is_contiguous()
    assert tensor.fingerprint(4) == ""


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"config": Settings()},
        {"config": {"n_head": HEADS}},
        {"args": SimpleNamespace(n_heads=HEADS)},
        {"config": SimpleNamespace(to_dict=lambda: {"n_head": HEADS, "dtype": torch.float32})},
    ],
    ids=["attributes of its parts", "dataclass", "dict", "namespace", "to_dict"],
)
def test_a_module_says_its_heads(attributes: dict[str, Any]) -> None:
    model = ni.open_checkpoint(Model(**attributes))
    assert (model.label, model.architecture, model.shape.n_heads) == ("Model", "nanogpt", HEADS)
    assert model.unrecognised == ()
    assert model.absent[ni.Role.E_OUTPUT] == "tied to E_input"
    assert model.contents.lookup("config.architectures") == ["Model"]


def test_a_module_inside_another_or_a_dict_says_as_much() -> None:
    outer = torch.nn.Module()
    outer.module = Model(config=Settings())
    model = ni.open_checkpoint(outer)
    assert (model.architecture, model.shape.n_heads, model.unrecognised) == ("nanogpt", HEADS, ())
    assert model.contents.lookup("config.architectures") == ["Model"]
    model = ni.open_checkpoint({"model": Model(config=Settings()), "step": 3})
    assert (model.label, model.step, model.shape.n_heads) == ("state dict", 3, HEADS)


def test_arrays_are_the_memory_they_have() -> None:
    arrays = {name: each.numpy() for name, each in Model().state_dict().items()}
    tensor = ni.open_checkpoint(arrays).contents.tensors["lm_head.weight"]
    assert tensor.read().data_ptr() == arrays["lm_head.weight"].ctypes.data


def test_a_model_of_torchs_own_layers_is_placed() -> None:
    """``in_proj_weight`` holds queries, keys and values, one after another."""
    model = torch.nn.Module()
    model.tok_emb = torch.nn.Embedding(11, 8)
    model.blocks = torch.nn.ModuleList([torch.nn.TransformerEncoderLayer(8, 2, 20)])
    opened = ni.open_checkpoint(model)
    fused = model.blocks[0].self_attn.in_proj_weight
    assert opened.unrecognised == ()
    assert torch.equal(opened["W_k"][0].values(), fused[8:16])
    assert torch.equal(opened["W_u"][0].values(), model.blocks[0].linear1.weight)


def test_what_torch_load_returned_is_its_file(tmp_path: Path) -> None:
    path = write_nanogpt(tiny_gpt(), tmp_path / "ckpt.pt")
    held = torch.load(path, weights_only=True)
    model, file = ni.open_checkpoint(held), ni.open_checkpoint(path)
    for fact in ("step", "shape", "architecture", "n_parameters"):
        assert getattr(model, fact) == getattr(file, fact)
    assert model.contents.lookup("best_val_loss") == 1.5
    in_memory, on_disk = (numbers(ni.measure(each, "condition_numbers")) for each in (held, path))
    assert in_memory.equals(on_disk)


def test_several_sets_of_weights_are_told_apart() -> None:
    sets = {"model": Model().state_dict(), "ema": Model().state_dict()}
    assert ni.open_checkpoint(sets).unasked.startswith("model is read")
    chosen = ni.open_checkpoint(sets, part="ema").contents.tensors["lm_head.weight"]
    assert torch.equal(chosen.read(), sets["ema"]["lm_head.weight"])


def saved(tensors: Tensors) -> bytes:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("as_source", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_are_read_as_a_file(as_source: Callable[[bytes], Any]) -> None:
    source = as_source(saved(Model().state_dict()))
    table = ni.measure(source, "embedding_norms")
    assert set(table["checkpoint"]) == {"bytes"}
    assert (table["status"] == "ok").any()


def test_an_open_file_stands_for_its_path_and_stays_where_it_was(tmp_path: Path) -> None:
    path = write_nanogpt(tiny_gpt(), tmp_path / "ckpt.pt", n_head=HEADS)
    with path.open("rb") as file:
        file.seek(5)
        assert ni.open_checkpoint(file).contents.source == str(path)
        assert file.tell() == 5
    stream = io.BytesIO(path.read_bytes())
    stream.seek(5)
    ni.measure(stream, "condition_numbers")
    assert stream.tell() == 5


def test_an_open_file_without_a_path(tmp_path: Path) -> None:
    path = write_nanogpt(tiny_gpt(), tmp_path / "ckpt.pt")
    with path.open("rb") as file:
        path.unlink()
        model = ni.open_checkpoint(file)
        assert model.contents.source == "memory://ckpt.pt"
        assert not ni.measure(model, "condition_numbers").empty


def test_several_models_of_one_class_are_told_apart() -> None:
    table = ni.measure([Model(), Model()], "condition_numbers")
    assert set(table["checkpoint"]) == {"Model #1", "Model #2"}
    assert len(ni.summarise(table)) >= len(table)


def test_the_fingerprint_names_the_weights() -> None:
    model = Model()
    first = read_contents(model).fingerprint
    assert first == read_contents(model).fingerprint
    with torch.no_grad():
        model.lm_head.weight[3, 5] += 1
    assert first != read_contents(model).fingerprint


def test_everything_that_takes_a_path_takes_a_model(tmp_path: Path) -> None:
    model = Model(config=Settings())
    assert ni.figure("condition_numbers", model).data
    assert not ni.differences([model, Model()]).empty
    assert not ni.token_table(model).empty
    drawn = ni.save_figures(model, tmp_path, ["json"], names=["condition_numbers", "trajectories"])
    assert drawn[0].files


def test_work_cannot_be_sent_elsewhere() -> None:
    with ThreadPoolExecutor(1) as executor, pytest.raises(WrongOption, match="memory of this proc"):
        ni.measure(Model(), "condition_numbers", executor=executor)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({}, "holds no tensors by name"),
        ({"step": 3}, "holds no tensors by name"),
        (torch.nn.Module(), "holds no tensors by name"),
        ({"h.0.w": torch.ones(2, 2, device="meta")}, "meta device"),
        ({"h.0.w": torch.ones(2, 2).to_sparse()}, "sparse"),
        # As dynamically quantised modules keep codes: in one with their bias.
        ({"h": torch.ones(2), "h.packed": (torch.ones(2).to_sparse(), None)}, "h.packed' is torch"),
        (b"", "is empty"),
        (b"no checkpoint", "first bytes"),
        (io.StringIO("text"), "cannot be read by range"),
        (3, "a int is no checkpoint"),
    ],
)
def test_what_cannot_be_read_is_one_line(source: Any, said: str) -> None:
    with pytest.raises(InspectError, match=said) as caught:
        ni.open_checkpoint(source)
    assert str(caught.value).isprintable()
    assert caught.value.next_step


def test_a_stream_that_ends_early() -> None:
    stream = io.BytesIO(saved(Model().state_dict()))
    contents = read_contents(stream)
    stream.truncate(100)
    with pytest.raises(UnreadableFile, match="early"):
        contents.tensors["lm_head.weight"].read()


def test_the_same_values_have_the_digest_of_the_file(tmp_path: Path) -> None:
    tensors = {"h.0.w": torch.randn(8, 8), "h.0.b": torch.randn(3).bfloat16()}
    save_file(tensors, tmp_path / "m.safetensors")
    assert torch.equal(load_file(tmp_path / "m.safetensors")["h.0.w"], tensors["h.0.w"])
    held, stored = read_contents(tensors), read_contents(tmp_path / "m.safetensors")
    for name, tensor in held.tensors.items():
        assert tensor.fingerprint(4) == stored.tensors[name].fingerprint(4)
