"""The Hugging Face pull request: grouped queries, no gate, scales of shape [n, 1]."""

from __future__ import annotations

from pathlib import Path

from families.known import (
    ALPHAS,
    ATTENTION,
    EMBEDDINGS,
    HF_CONFIG,
    LAYERS,
    Expected,
    Family,
    known_ngpt,
    save_folder,
)

RANGE = 0.014
CONFIG = HF_CONFIG | {
    "model_type": "ngpt",
    "num_key_value_heads": 2,
    "initializer_range": RANGE,
    "attn_alpha_init_value": 0.07,
    "mlp_alpha_init_value": 0.06,
    "sqk_init_value": 1.5,
    "suv_init_value": 2.0,
    "suv_init_scaling": 4.0,
    "sz_init_value": 3.0,
}


def nemotron(at: Path, *, weight: str = ".weight") -> Expected:
    known = known_ngpt(n_kv_heads=2)
    column = (-1, 1) if weight else (-1,)
    state = {
        "model.embed_tokens.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
        f"sz{weight}": known("s_z").reshape(column) * RANGE / 3.0,
    }
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        s_qk = known("s_qk", i).reshape(column)
        state |= {
            layer + "self_attn.q_proj.weight": known("W_q", i),
            layer + "self_attn.k_proj.weight": known("W_k", i),
            layer + "self_attn.v_proj.weight": known("W_v", i),
            layer + "self_attn.o_proj.weight": known("W_o", i),
            layer + "mlp.up_proj.weight": known("W_u", i),
            layer + "mlp.down_proj.weight": known("W_oMLP", i),
            layer + "attn_alpha": -known("alpha_A", i) * RANGE / 0.07,
            layer + "mlp_alpha": known("alpha_M", i) * RANGE / 0.06,
            layer + f"self_attn.sqk{weight}": s_qk * RANGE / 1.5,
            layer + f"mlp.suv{weight}": known("s_u", i).reshape(column) * 4.0 / 2.0,
        }
    roles = (*EMBEDDINGS, *ATTENTION, "W_u", "W_oMLP", *ALPHAS, "s_qk", "s_u", "s_z")
    return Expected(save_folder(at, state, CONFIG), known.only(roles), n_kv_heads=2)


FAMILIES = (
    Family("nemotron", "hf_ngpt", nemotron),
    Family("nemotron-vectors", "hf_ngpt", lambda at: nemotron(at, weight="")),
)
