"""OLMo-core's nGPT: queries and keys have a scale each, sw1 belongs to the gate."""

from __future__ import annotations

from pathlib import Path

from families.known import (
    ALPHAS,
    ATTENTION,
    EMBEDDINGS,
    HEADS,
    LAYERS,
    MLP,
    D,
    Expected,
    Family,
    known_ngpt,
    save_folder,
)


def olmo_core(at: Path) -> Expected:
    known = known_ngpt(n_kv_heads=2)
    scale = D**-0.5
    state = {
        "embeddings.weight": known("E_input"),
        "lm_head.w_out.weight": known("E_output"),
        "lm_head.sz": known("s_z") * scale,
    }
    for i in range(LAYERS):
        block = f"blocks.{i}."
        state |= {
            block + "attention.w_q.weight": known("W_q", i),
            block + "attention.w_k.weight": known("W_k", i),
            block + "attention.w_v.weight": known("W_v", i),
            block + "attention.w_out.weight": known("W_o", i),
            block + "feed_forward.w1.weight": known("W_nu", i),
            block + "feed_forward.w3.weight": known("W_u", i),
            block + "feed_forward.w2.weight": known("W_oMLP", i),
            block + "attn_alpha": -known("alpha_A", i) * scale / 0.05,
            block + "mlp_alpha": known("alpha_M", i) * scale / 0.05,
            block + "attention.sq": known("s_q", i).reshape(-1) * scale,
            block + "attention.sk": known("s_k", i).reshape(-1) * scale,
            block + "feed_forward.sw1": known("s_nu", i),
            block + "feed_forward.sw3": known("s_u", i),
        }
    config = {"model": {"block": {"attention": {"n_heads": HEADS, "n_kv_heads": 2}}}}
    path = save_folder(at, state, config)
    roles = (*EMBEDDINGS, *ATTENTION, *MLP, *ALPHAS, "s_q", "s_k", "s_u", "s_nu", "s_z")
    return Expected(path, known.only(roles), n_kv_heads=2)


FAMILIES = (Family("olmo_core", "olmo_core_ngpt", olmo_core),)
