"""LoRA adapters added to their base, against peft's formulas."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from adapter_files import (
    LLAMA,
    Q0,
    TARGETS,
    factors,
    update,
    write,
    write_base,
    write_beside_base,
)
from safetensors.torch import save_file

import ngpt_inspect as ni
from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents

ROWS = ".token_adapter.trainable_tokens_delta"


@pytest.mark.parametrize(("begun", "told"), [("pissa_niter_4", True), ("gaussian", False)])
def test_a_base_that_the_adapter_began_by_changing(begun: str, told: bool, tmp_path: Path) -> None:
    """``pissa_init`` of peft sets the base to what its leading directions leave of it."""
    adapter = write_beside_base(tmp_path, init_lora_weights=begun)
    if told:
        with pytest.raises(UnreadableFile, match=f"began with '{begun}'.*merge_and_unload"):
            ni.open_checkpoint(adapter, part="sum")
    else:
        assert ni.open_checkpoint(adapter, part="sum")
    assert ni.open_checkpoint(adapter)


def test_a_base_whose_layers_are_repeated(tmp_path: Path) -> None:
    """peft's `replicate_layers`: layer 2 of the adapter is layer 0 of the base; no sum is made."""
    adapter = write_beside_base(tmp_path, layer_replication=[[0, 2], [0, 2]])
    with pytest.raises(UnreadableFile, match=r"layer_replication.*open the adapter alone"):
        ni.open_checkpoint(adapter, part="sum")
    assert torch.equal(ni.open_checkpoint(adapter)["W_q"][1].values(), update(Q0.replace("0", "1")))


@pytest.mark.parametrize("said", [[7, 2, 28], {"embed_tokens": [7, 2, 28], "lm_head": [0]}])
def test_rows_for_some_tokens_stand_in_the_place_of_the_bases(said: object, tmp_path: Path) -> None:
    """peft: ``W.index_copy(dim=0, index=token_indices, source=deltas)``."""
    rows = torch.randn(3, 16)
    held = factors(Q0) | {f"base_model.model.model.embed_tokens{ROWS}": rows}
    adapter = write_beside_base(tmp_path, held, trainable_token_indices=said)
    model = ni.open_checkpoint(adapter, part="sum")
    assert model.unrecognised == ()
    wanted = LLAMA["model.embed_tokens.weight"].clone()
    wanted[[7, 2, 28]] = rows
    found = model["E_input"][0]
    assert torch.equal(found.values(), wanted)
    assert torch.equal(found.tensor.read(2, 9), wanted[2:9])
    assert torch.equal(model["E_output"][0].values(), LLAMA["lm_head.weight"])
    assert torch.equal(model["W_q"][0].values(), LLAMA[f"{Q0}.weight"].double() + update(Q0))


@pytest.mark.parametrize("said", [None, [7, 2], [7, 2, 30], [7, 2, -1], {"other": [7, 2, 28]}])
def test_rows_for_tokens_that_the_base_has_not(said: object, tmp_path: Path) -> None:
    held = factors(Q0) | {f"base_model.model.model.embed_tokens{ROWS}": torch.ones(3, 16)}
    adapter = write_beside_base(tmp_path, held, trainable_token_indices=said)
    with pytest.raises(UnreadableFile, match=r"rows \[3, 16\] for tokens of .model.embed_tokens"):
        ni.open_checkpoint(adapter, part="sum")
    assert ni.open_checkpoint(adapter).weights


@pytest.mark.parametrize("relative", [False, True])
def test_with_its_base_the_sum(relative: bool, tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    named_so = os.path.relpath(base, tmp_path / "mine") if relative else str(base)
    path = write(tmp_path / "mine", base_model_name_or_path=named_so)
    alone = ni.open_checkpoint(path)
    assert alone.shape.n_heads is None, "a path that a file names is not followed unasked"
    assert alone.unasked == "adapter is read; the file also holds sum (--part)"
    model = ni.open_checkpoint(path, part="sum")
    assert (model.architecture, model.shape.n_heads, model.unrecognised) == ("llama", 4, ())
    for weight in model:
        name = weight.tensor.name.removesuffix(".weight")
        stored = LLAMA[weight.tensor.name]
        expected = stored.double() + update(name) if name.endswith(TARGETS) else stored
        assert torch.equal(weight.values().double(), expected.double())
    table = ni.measure(model, "condition_numbers")
    assert not (table["status"] == "skipped").any()


@pytest.mark.parametrize("suffix", ["", ".weight", ".default.weight"])
def test_dora_is_the_sum_rescaled(suffix: str, tmp_path: Path) -> None:
    """Row by row: m (W + scale B A) / |W + scale B A|, in NumPy."""
    n_out = LLAMA[f"{Q0}.weight"].shape[0]
    m = torch.linspace(0.5, 2, n_out)
    held = factors(Q0) | {f"base_model.model.{Q0}.lora_magnitude_vector{suffix}": m}
    folder = write_beside_base(tmp_path, held, use_dora=True)
    alone = read_contents(folder)
    assert torch.equal(alone.tensors[f"base_model.model.{Q0}.weight"].read(), update(Q0))
    whole = read_contents(folder, part="sum").tensors[f"{Q0}.weight"]
    plain = LLAMA[f"{Q0}.weight"].double().numpy() + update(Q0).numpy()
    wanted = m.double().numpy()[:, None] * plain / np.linalg.norm(plain, axis=1, keepdims=True)
    np.testing.assert_allclose(whole.read().numpy(), wanted, rtol=1e-14)
    np.testing.assert_allclose(whole.read(2, 5).numpy(), wanted[2:5], rtol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(whole.read().numpy(), axis=1), m.numpy(), rtol=1e-6)
    assert whole.errors is not None
    assert torch.equal(whole.errors.read()[2:5], whole.errors.read(2, 5))


def test_the_sum_is_as_fine_as_its_base_is_stored(tmp_path: Path) -> None:
    path = write_beside_base(tmp_path)
    rounded = {name: tensor.bfloat16() for name, tensor in LLAMA.items()}
    save_file(rounded, tmp_path / "base" / "model.safetensors")
    tensor = read_contents(path, "sum").tensors[f"{Q0}.weight"]
    lost = (tensor.read() - update(Q0) - LLAMA[f"{Q0}.weight"].double()).square().mean().sqrt()
    assert tensor.errors is not None
    told = tensor.errors.read().double().square().mean().sqrt()
    assert float(told) == pytest.approx(float(lost), rel=0.2)
    size = tensor.read().square().mean().sqrt()
    assert tensor.rounding() == pytest.approx(float(lost / size), rel=0.2)


def test_what_an_adapter_has_whole_stands_in_the_place_of_the_bases(tmp_path: Path) -> None:
    whole = {"lm_head.weight": torch.full((99, 16), 0.5), f"{Q0}.base_layer.bias": torch.ones(64)}
    held = factors(Q0) | {f"base_model.model.{name}": each for name, each in whole.items()}
    tensors = read_contents(write_beside_base(tmp_path, held), "sum").tensors
    assert torch.equal(tensors["lm_head.weight"].read(), whole["lm_head.weight"])
    assert torch.equal(tensors[f"{Q0}.bias"].read(), torch.ones(64))
    assert set(tensors) == {*LLAMA, f"{Q0}.bias"}


def test_a_base_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    path = write(tmp_path / "mine", base_model_name_or_path="org/none")
    with pytest.raises(UnreadableFile, match="its base 'org/none' is not here; download it"):
        ni.open_checkpoint(path, part="sum")
    assert ni.open_checkpoint(path).weights


def test_a_base_in_the_hubs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--org--base" / "snapshots" / ("1" * 40)
    write_base(snapshot)
    (tmp_path / "models--org--base" / "refs").mkdir()
    (tmp_path / "models--org--base" / "refs" / "main").write_text("1" * 40)
    path = write(tmp_path / "mine", base_model_name_or_path="org/base")
    assert ni.open_checkpoint(path).shape.n_heads == 4, "its config is read"
    assert ni.open_checkpoint(path, part="sum").unrecognised == ()


def test_a_base_that_cannot_be_opened(tmp_path: Path) -> None:
    """The line begins with what was asked for, and ends with what is wrong with the base."""
    (base := tmp_path / "base").mkdir()
    (base / "notes.txt").write_text("none here")
    path = write(tmp_path / "mine", base_model_name_or_path=str(base))
    with pytest.raises(UnreadableFile, match=f"its base cannot be opened: {base}: .*notes") as told:
        read_contents(path, "sum")
    assert told.value.where == read_contents(path).source


def test_the_base_of_another_model(tmp_path: Path) -> None:
    path, base = write_beside_base(tmp_path), tmp_path / "base" / "model.safetensors"
    save_file({**LLAMA, f"{Q0}.weight": torch.ones(3, 3)}, base)
    with pytest.raises(UnreadableFile, match=r"its base has no 'model\.layers\.0\.self_attn"):
        ni.open_checkpoint(path, part="sum")
