"""Norm gains as the model uses them: w or 1 + w, by norm, by config, and by who wrote the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from families import FAMILIES
from families.known import save_folder
from safetensors.torch import load_file, save_file

import ngpt_inspect as ni
from ngpt_inspect.vocabulary import Role

V, D, HEADS, D_MLP = 31, 12, 3, 10


def rewritten(folder: Path, said: dict[str, Any], writer: str = "pt") -> dict[str, np.ndarray]:
    """Write a small decoder with this config; return its tensors as they are stored."""
    source = FAMILIES["decoder-glm-2"].write(folder).path
    tensors = load_file(source / "model.safetensors")
    for layer in range(2):  # norms before and behind both blocks
        at = f"model.layers.{layer}."
        gain = tensors[f"{at}post_attention_layernorm.weight"]
        tensors[f"{at}pre_feedforward_layernorm.weight"] = gain + 0.25
        tensors[f"{at}post_feedforward_layernorm.weight"] = gain - 0.25
    save_file(tensors, source / "model.safetensors", {"format": writer})
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "model_type": None, **said}))
    return {name: each.double().numpy() for name, each in tensors.items()}


@pytest.mark.parametrize(
    ("said", "writer", "inside", "last"),
    [
        ({"model_type": "llama"}, "pt", 0, 0),
        ({"model_type": "nemotron"}, "pt", 1, 1),
        # `MuseGlimmerTextCenteredRMSNorm` in layers, `MuseGlimmerRMSNorm` behind them.
        ({"model_type": "muse_glimmer"}, "pt", 1, 0),
        ({"model_type": "muse_spark_text"}, "pt", 1, 0),
        ({"model_type": "qwen3_next"}, "pt", 1, 1),
        # mlx-lm 0.32, `sanitize`: ``v + 1.0`` of Qwen3-Next; its Nemotron and Muse Glimmer add it
        # when they run.
        ({"model_type": "qwen3_next"}, "mlx", 0, 0),
        ({"text_config": {"model_type": "qwen3_5_moe_text"}}, "mlx", 0, 0),
        ({"model_type": "muse_glimmer"}, "mlx", 1, 0),
        ({"model_type": "nemotron"}, "mlx", 1, 1),
        # Megatron-LM: ``weight + 1 if self.zero_centered_gamma`` (fused_layer_norm.py).
        ({"apply_layernorm_1p": True}, "pt", 1, 1),
        ({"layernorm_zero_centered_gamma": True}, "pt", 1, 1),
        ({"normalization": "layernorm1p"}, "pt", 1, 1),
        ({"apply_layernorm_1p": False}, "pt", 0, 0),
        ({"normalization": "RMSNorm"}, "pt", 0, 0),
    ],
)
def test_a_decoders_norms(
    said: dict[str, Any], writer: str, inside: int, last: int, tmp_path: Path
) -> None:
    stored = rewritten(tmp_path, said, writer)
    checkpoint = ni.open_checkpoint(tmp_path)
    gains = [w for w in checkpoint if w.role is not None and w.role.value.startswith("gain")]
    assert (checkpoint.architecture, len(gains)) == ("decoder", 4 * 2 + 1)
    for weight in gains:
        wanted = stored[weight.tensor.name] + (last if weight.layer is None else inside)
        np.testing.assert_array_equal(weight.values().double().numpy(), wanted)
    (constant,) = checkpoint.constants
    assert (constant.value, constant.assumed) == (inside, False)


def test_an_offset_that_is_given_goes_before(tmp_path: Path) -> None:
    stored = rewritten(tmp_path, {"model_type": "qwen3_next"}, "mlx")
    gain = ni.open_checkpoint(tmp_path, constants={"gain_offset": 1})["gain_A"][1]
    np.testing.assert_array_equal(gain.values().double().numpy(), stored[gain.tensor.name] + 1)


def test_no_norm_behind_the_attention(tmp_path: Path) -> None:
    """Muse Spark: that norm has no gain, and those around the MLP have their names still."""
    stored = rewritten(tmp_path, {"model_type": "muse_spark"})
    kept = {k: v for k, v in stored.items() if "post_attention_layernorm" not in k}
    save_folder(tmp_path, kept, json.loads((tmp_path / "config.json").read_text()))
    checkpoint = ni.open_checkpoint(tmp_path)
    assert checkpoint.unrecognised == ()
    for role, name in (("gain_M", "pre_feedforward"), ("gain_postM", "post_feedforward")):
        held = checkpoint[role][1].values().double().numpy()
        np.testing.assert_array_equal(held, stored[f"model.layers.1.{name}_layernorm.weight"] + 1)
    assert Role.GAIN_POST_A not in checkpoint.roles


@pytest.mark.parametrize(("name", "offset"), [("CodeGemma-7b", 1), ("Llama-3-8B", 0), (None, 0)])
def test_litgpt_norms_multiply_by_one_plus_w_in_a_gemma(
    name: str | None, offset: int, tmp_path: Path
) -> None:
    """``add_unit_offset="Gemma" in self.name`` (config.py); the norms behind a block have none."""
    drawn = np.random.default_rng(0).standard_normal
    at, gain = "transformer.h.0.", np.linspace(0.5, 2, D, dtype=np.float32)
    arrays = {
        "transformer.wte.weight": drawn((V, D)),
        "transformer.ln_f.weight": gain,
        f"{at}norm_1.weight": gain,
        f"{at}post_attention_norm.weight": gain,
        f"{at}attn.qkv.weight": drawn((3 * D, D)),
        f"{at}attn.norm_q.weight": gain[: D // HEADS],
        f"{at}attn.norm_k.weight": gain[: D // HEADS],
        f"{at}attn.proj.weight": drawn((D, D)),
        f"{at}mlp.fc.weight": drawn((D_MLP, D)),
        f"{at}mlp.proj.weight": drawn((D, D_MLP)),
    }
    save_folder(tmp_path, arrays, {"num_attention_heads": HEADS})
    if name is not None:
        (tmp_path / "model_config.yaml").write_text(f"name: {name}\nn_head: {HEADS}\n")
    checkpoint = ni.open_checkpoint(tmp_path)
    assert (checkpoint.architecture, checkpoint.unrecognised) == ("litgpt", ())
    for role in ("gain_A", "gain_q", "gain_k"):
        held = checkpoint[role][0].values().numpy()
        np.testing.assert_array_equal(held, gain[: held.size].astype(float) + offset)
    (told,) = checkpoint.constants
    assert told.assumed == (name is None)
