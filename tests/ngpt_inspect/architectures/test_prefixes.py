"""What somebody's module puts before every name is taken off, whatever it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from models import LLAMA_NAMES, Tensors, named, tiny_gpt, write_nanogpt

import ngpt_inspect as ni
from ngpt_inspect.architectures.engine.prefixes import without_prefix
from ngpt_inspect.errors import UnknownArchitecture
from ngpt_inspect.formats import read_contents

LLAMA = named(tiny_gpt(), LLAMA_NAMES, torch.float32)
PREFIXES = ("net.", "gpt.", "model.", "base_model.model.", "a.b.c._orig_mod.", "my-model.", "7b.")


def nanogpt(folder: Path) -> Tensors:
    path = write_nanogpt(tiny_gpt(), folder / "ckpt.pt")
    held: Tensors = torch.load(path, weights_only=True)["model"]
    return {name.removeprefix("_orig_mod."): tensor for name, tensor in held.items()}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix_of_all_names(prefix: str, tmp_path: Path) -> None:
    for tensors, layout in ((nanogpt(tmp_path), "nanogpt"), (LLAMA, "llama")):
        plain = ni.open_checkpoint(tensors, heads=4)
        model = ni.open_checkpoint({prefix + k: v for k, v in tensors.items()}, heads=4)
        assert (model.architecture, model.unrecognised) == (layout, ())
        assert [w.key for w in model] == [w.key for w in plain]
        assert [w.tensor.name for w in model] == [prefix + w.tensor.name for w in plain]
        assert model.absent == plain.absent


@pytest.mark.parametrize("wrapper", ["_orig_mod.", "module.", "_checkpoint_wrapped_module."])
def test_wrappers_inside_a_name_too(wrapper: str) -> None:
    tensors = {
        f"net.{name.replace('.self_attn', f'.{wrapper}self_attn')}": tensor
        for name, tensor in LLAMA.items()
    }
    model = ni.open_checkpoint(tensors, heads=4)
    assert (model.architecture, model.unrecognised) == ("llama", ())


def test_what_is_beside_the_language_model_is_left() -> None:
    beside = {"loss.weight": torch.ones(30), "vision.layers.0.q.weight": torch.ones(4, 4)}
    tensors = {f"net.{name}": tensor for name, tensor in LLAMA.items()} | beside
    model = ni.open_checkpoint(tensors, heads=4)
    assert (model.architecture, set(model.unrecognised)) == ("llama", set(beside))


def test_two_models_are_not_one() -> None:
    both = {f"{who}.{k}": v for who in ("student", "teacher") for k, v in LLAMA.items()}
    assert list(without_prefix(read_contents(both))) == []
    with pytest.raises(UnknownArchitecture):
        ni.open_checkpoint(both, architecture="llama")


def test_names_that_would_become_one_are_kept() -> None:
    tensors = {"net.a.w": torch.ones(2, 2), "net.b.w": torch.ones(2, 2), "a.w": torch.ones(2, 2)}
    assert list(without_prefix(read_contents(tensors))) == []


def lightning(tensors: Tensors, **hyper_parameters: Any) -> dict[str, Any]:
    return {
        "epoch": 1,
        "global_step": 500,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": tensors,
        "loops": {},
        "callbacks": {},
        "optimizer_states": [],
        "lr_schedulers": [],
        "hyper_parameters": hyper_parameters,
    }


@pytest.mark.parametrize("told", [{"n_head": 4}, {"config": {"num_attention_heads": 4}}])
def test_a_checkpoint_of_lightning(told: dict[str, Any], tmp_path: Path) -> None:
    tensors = {f"model._orig_mod.{name}": each for name, each in nanogpt(tmp_path).items()}
    path = tmp_path / "run" / "last.ckpt"
    path.parent.mkdir()
    torch.save(lightning(tensors, **told), path)
    model = ni.open_checkpoint(path)
    assert (model.label, model.step, model.architecture) == ("run", 500, "nanogpt")
    assert (model.shape.n_heads, model.unrecognised) == (4, ())
