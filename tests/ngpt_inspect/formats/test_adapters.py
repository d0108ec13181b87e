"""LoRA adapters: the update by role and layer, and the base with it, against peft's formula."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from formats_helpers import refusal
from hostile.damage import damaged_json
from hostile.guard import refused
from hypothesis import given
from models import LLAMA_NAMES, Tensors, named, tiny_gpt
from safetensors.torch import save_file

import ngpt_inspect as ni
from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents

LLAMA = named(tiny_gpt(), LLAMA_NAMES, torch.float32)
RANK, ALPHA = 3, 6
TARGETS = ("self_attn.q_proj", "mlp.down_proj")
Q0 = "model.layers.0.self_attn.q_proj"


def factors(name: str) -> Tensors:
    out, n_in = LLAMA[f"{name}.weight"].shape
    generator = torch.Generator().manual_seed(len(name))
    return {
        f"base_model.model.{name}.lora_A.weight": torch.randn(RANK, n_in, generator=generator),
        f"base_model.model.{name}.lora_B.weight": torch.randn(out, RANK, generator=generator),
    }


def write_base(folder: Path) -> Path:
    folder.mkdir(parents=True)
    save_file(LLAMA, folder / "model.safetensors")
    config = {"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 4}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write(folder: Path, tensors: Tensors | None = None, **config: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stems = [name.removesuffix(".weight") for name in LLAMA]
    held = {k: v for stem in stems if stem.endswith(TARGETS) for k, v in factors(stem).items()}
    save_file(held if tensors is None else tensors, folder / "adapter_model.safetensors")
    told = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, **config}
    (folder / "adapter_config.json").write_text(json.dumps(told))
    return folder


def write_beside_base(folder: Path, tensors: Tensors | None = None, **config: Any) -> Path:
    """Write an adapter, and the base that it names."""
    base = write_base(folder / "base")
    return write(folder / "mine", tensors, base_model_name_or_path=str(base), **config)


def update(name: str, scale: float = ALPHA / RANK) -> torch.Tensor:
    a, b = (each.double() for each in factors(name).values())
    return b @ a * scale


def test_an_adapter_alone(tmp_path: Path) -> None:
    model = ni.open_checkpoint(write(tmp_path / "mine"))
    assert (model.label, model.architecture, model.shape.n_layers) == ("mine", "llama", 2)
    placed = [weight for weight in model if weight.role is not None]
    assert {str(weight.role) for weight in placed} == {"W_q", "W_oMLP"}
    for weight in placed:
        name = weight.tensor.name.removeprefix("base_model.model.")
        expected = update(name.removesuffix(".weight"))
        assert torch.equal(weight.values(), expected)
        assert torch.equal(weight.tensor.read(2, 5), expected[2:5])
    by_name = {weight.tensor.name for weight in model if weight.role is None}
    assert by_name == set(model.unrecognised), "the factors are measured by name"
    assert len(by_name) == 8


def test_its_spectrum_is_that_of_the_update(tmp_path: Path) -> None:
    table = ni.measure(write(tmp_path), "singular_values", roles=["W_oMLP"], layers=[1])
    single = table[(table["measure"] == "singular_value") & table["statistic"].isna()]
    expected = torch.linalg.svdvals(update("model.layers.1.mlp.down_proj")).numpy()
    np.testing.assert_allclose(single["value"][:RANK], expected[:RANK], rtol=1e-12)
    assert set(single["reason"][RANK:]) == {"zero to float64 rounding: rank 3"}


@pytest.mark.parametrize("pattern", ["(q_proj", "(.+)+x", ".*.*.*x"])
def test_a_pattern_that_is_not_tried(pattern: str, tmp_path: Path) -> None:
    said = refusal(write(tmp_path, alpha_pattern={pattern: 12}))
    assert f"alpha_pattern '{pattern}' cannot be tried" in said


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


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({"lora_alpha": 8}, 8 / RANK),
        ({"use_rslora": True}, ALPHA / math.sqrt(RANK)),
        ({"alpha_pattern": {"layers.0.self_attn.q_proj": 12}}, 12 / RANK),
        ({"alpha_pattern": {"k_proj": 12}}, ALPHA / RANK),
        # As `get_pattern_key` of peft: ends of names or regular expressions, the first that fits.
        ({"alpha_pattern": {r"model\.layers\.\d+\.self_attn\..*": 12}}, 12 / RANK),
        ({"alpha_pattern": {"^model.layers.0.self_attn.q_proj": 12}}, 12 / RANK),
        ({"alpha_pattern": {"^layers.0.self_attn.q_proj": 12, "proj": 12}}, ALPHA / RANK),
        ({"alpha_pattern": {"q_proj": 12, "layers.0.self_attn.q_proj": 24}}, 12 / RANK),
        ({"lora_alpha": None}, 1.0),
        ({"lora_alpha": "x"}, 1.0),
    ],
)
def test_its_scale(config: dict[str, Any], scale: float, tmp_path: Path) -> None:
    tensors = read_contents(write(tmp_path, **config)).tensors
    assert torch.equal(tensors[f"base_model.model.{Q0}.weight"].read(), update(Q0, scale))


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


def test_magnitudes_that_do_not_fit(tmp_path: Path) -> None:
    held = factors(Q0) | {f"base_model.model.{Q0}.lora_magnitude_vector": torch.ones(3)}
    assert f"base_model.model.{Q0}.weight" not in read_contents(write(tmp_path, held)).tensors


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("LOHA", f"base_model.model.{Q0}.hada_w1_a"),
        ("IA3", f"base_model.model.{Q0}.ia3_l"),
        ("PREFIX_TUNING", "prompt_embeddings"),
    ],
)
def test_other_adapters_are_refused_by_name(kind: str, name: str, tmp_path: Path) -> None:
    folder = write(tmp_path, {name: torch.ones(4, 4)}, peft_type=kind)
    said = refusal(folder)
    assert kind in said
    assert "merge_and_unload" in said


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


def test_factors_alone_have_a_scale_of_1(tmp_path: Path) -> None:
    save_file(factors(Q0), tmp_path / "lora.safetensors")
    model = ni.open_checkpoint(tmp_path / "lora.safetensors")
    assert torch.equal(model["W_q"][0].values(), update(Q0, scale=1.0))
    save_file(factors(Q0) | LLAMA, tmp_path / "model.safetensors")
    assert read_contents(tmp_path / "model.safetensors").parts == {}, "a model, and factors"


def test_an_adapter_of_mlx(tmp_path: Path) -> None:
    """``W + scale (lora_a lora_b)^T``: mlx-lm, tuner/lora.py, fuse."""
    out, n_in = LLAMA[f"{Q0}.weight"].shape
    a, b = torch.randn(n_in, RANK), torch.randn(RANK, out)
    base = write_base(tmp_path / "base")
    settings = {"lora_parameters": {"rank": RANK, "scale": 20.0}, "model": str(base)}
    folder = write(tmp_path / "mine", {f"{Q0}.lora_a": a, f"{Q0}.lora_b": b}, **settings)
    expected = (a.double() @ b.double()).T * 20
    assert torch.allclose(ni.open_checkpoint(folder)["W_q"][0].values(), expected, rtol=1e-12)
    whole = ni.open_checkpoint(folder, part="sum")["W_q"][0].values()
    assert torch.allclose(whole, LLAMA[f"{Q0}.weight"].double() + expected, rtol=1e-12)


def test_factors_of_stacks_of_experts_make_no_product(tmp_path: Path) -> None:
    """peft's ParamWrapper: A is (r experts, in), B (out, r experts), the parameter not named."""
    name = "base_model.model.model.layers.0.mlp.experts"
    held = {f"{name}.lora_A.weight": torch.ones(6, 64), f"{name}.lora_B.weight": torch.ones(80, 6)}
    folder = write(tmp_path / "mine", held, target_parameters=["mlp.experts.gate_up_proj"])
    assert set(read_contents(folder).tensors) == set(held)


def test_an_adapter_of_fused_matrices_asks_for_heads(tmp_path: Path) -> None:
    name = "base_model.model.model.layers.0.self_attn.qkv_proj"
    held = {f"{name}.lora_A.weight": torch.ones(3, 64), f"{name}.lora_B.weight": torch.ones(128, 3)}
    folder = write(tmp_path / "mine", held)
    assert "nothing says how many: give --heads N" in ni.open_checkpoint(folder).notes[0]
    model = ni.open_checkpoint(folder, heads=4)
    assert [weight.shape for weight in model["W_q"]] == [(64, 64)]


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


def test_embeddings_and_conv1d_are_turned(tmp_path: Path) -> None:
    a, b = torch.randn(2, 30), torch.randn(16, 2)
    tensors = {"m.wte.lora_embedding_A": a, "m.wte.lora_embedding_B": b}
    read = read_contents(write(tmp_path / "e", tensors, lora_alpha=2, r=2)).tensors["m.wte.weight"]
    assert read.shape == (30, 16)
    assert torch.equal(read.read(4, 9), (b.double() @ a.double()).T[4:9])
    tensors = {"m.c_attn.lora_A.weight": a, "m.c_attn.lora_B.weight": b}
    path = write(tmp_path / "c", tensors, lora_alpha=2, r=2, fan_in_fan_out=True)
    assert read_contents(path).tensors["m.c_attn.weight"].shape == (30, 16)


@pytest.mark.parametrize(
    "tensors",
    [
        {"m.q.lora_A.weight": torch.ones(2, 3)},
        {"m.q.lora_A.weight": torch.ones(2, 3), "m.q.lora_B.weight": torch.ones(4, 5)},
        {"m.q.lora_A.weight": torch.ones(2), "m.q.lora_B.weight": torch.ones(4, 2)},
        {"m.q.lora_A.weight": torch.ones(0, 3), "m.q.lora_B.weight": torch.ones(4, 0)},
    ],
)
def test_factors_that_do_not_fit_stay_what_they_are(tensors: Tensors, tmp_path: Path) -> None:
    assert set(read_contents(write(tmp_path, tensors)).tensors) == set(tensors)


@pytest.mark.parametrize("text", ["{", "[]", '{"lora_alpha": {}, "alpha_pattern": 3}'])
def test_a_broken_config(text: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "adapter_config.json").write_text(text)
    if text.startswith('{"'):
        assert read_contents(tmp_path).tensors
    else:
        assert "adapter_config.json" in refusal(tmp_path)


TOLD = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "alpha_pattern": {"q_proj": 2}}
TOLD |= {"base_model_name_or_path": "base", "use_rslora": False, "fan_in_fan_out": False}


@given(said=damaged_json(TOLD))
def test_a_damaged_config(said: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write(tmp_path_factory.mktemp("mine"))
    (folder / "adapter_config.json").write_bytes(said.encode(errors="surrogatepass"))

    def read() -> None:
        for part in (None, "sum"):
            for weight in ni.open_checkpoint(folder, part=part):
                weight.values()

    refused(read, folder)


def test_an_update_that_no_memory_holds(tmp_path: Path) -> None:
    a, b = torch.ones(1, 2**20).half(), torch.ones(2**21, 1).half()
    held = {"m.q.lora_A.weight": a, "m.q.lora_B.weight": b}
    read = read_contents(write(tmp_path, held, r=1)).tensors["m.q.weight"]
    with pytest.raises(UnreadableFile, match="torch cannot hold shape"):
        read.read()


def test_a_full_model_with_the_names_of_peft_is_placed(tmp_path: Path) -> None:
    tensors: Tensors = {}
    for name, tensor in LLAMA.items():
        stem = name.removesuffix(".weight")
        inner = ".base_layer" if stem.endswith(TARGETS) else ""
        tensors[f"base_model.model.{stem}{inner}.weight"] = tensor
    model = ni.open_checkpoint(tensors, heads=4)
    assert (model.architecture, model.unrecognised) == ("llama", ())
