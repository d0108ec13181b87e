"""Dory: an nGPT of transformers; alphas and scales are stored over the initializer range."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from families.known import (
    ALPHAS,
    ATTENTION,
    EMBEDDINGS,
    HEADS,
    HF_CONFIG,
    LAYERS,
    MLP,
    D,
    Expected,
    Family,
    known_ngpt,
    save_folder,
)

KV, RANGE, ALPHA_INIT = 2, 0.02, 0.1
ROLES = (*EMBEDDINGS, *ATTENTION, *MLP, *ALPHAS, "s_qk", "s_u", "s_nu", "s_z")


def write(folder: Path) -> Expected:
    known = known_ngpt(KV)
    gate = np.random.default_rng(8).standard_normal((LAYERS, D, D))
    gate /= np.linalg.norm(gate, axis=-1, keepdims=True)
    state = {
        "backbone.embeddings.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
        "lm_head.logit_scale": known("s_z") * RANGE,
    }
    for i in range(LAYERS):
        layer = f"backbone.layers.{i}."
        state |= {
            f"{layer}self_attn.{name}_proj.weight": known(role, i)
            for name, role in zip("qkvo", ATTENTION, strict=True)
        }
        state |= {
            layer + "self_attn.g_proj.weight": gate[i],
            layer + "self_attn.s_gate": np.ones(D),
            layer + "self_attn.sqk": known("s_qk", i).reshape(-1) * RANGE,
            layer + "mlp.up_proj.weight": known("W_u", i),
            layer + "mlp.gate_proj.weight": known("W_nu", i),
            layer + "mlp.down_proj.weight": known("W_oMLP", i),
            layer + "mlp.suv_up": known("s_u", i),
            layer + "mlp.suv_gate": known("s_nu", i),
            layer + "lambda_1": -known("alpha_A", i) * RANGE / ALPHA_INIT,
            layer + "lambda_2": known("alpha_M", i) * RANGE / ALPHA_INIT,
        }
    said = {"model_type": "dory", "num_key_value_heads": KV, "num_attention_heads": HEADS}
    said |= {"initializer_range": RANGE, "ngpt_alpha_init": ALPHA_INIT}
    save_folder(folder, state, HF_CONFIG | said)
    values = known.only(ROLES) | {("W_gateA", i, None): gate[i] for i in range(LAYERS)}
    return Expected(folder, values, n_kv_heads=KV)


FAMILIES = (Family(name="dory", architecture="dory", write=write),)
