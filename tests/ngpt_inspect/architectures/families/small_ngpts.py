"""evintunador, alxndrTL, lm-engine, Bailing V3: nGPTs with layouts of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from families.known import (
    ALPHAS,
    ATTENTION,
    D_K,
    D_MLP,
    EMBEDDINGS,
    EXPERTS,
    HEADS,
    HF_CONFIG,
    LAYERS,
    MLP,
    VOCAB,
    D,
    Expected,
    Family,
    interleave,
    known_ngpt,
    router,
    save_folder,
)

SCALE = D**-0.5
ROLES = (*EMBEDDINGS, *ATTENTION, *MLP, *ALPHAS, "s_qk", "s_u", "s_nu", "s_z")


def evintunador(at: Path, *, moscales: bool = False) -> Expected:
    known = known_ngpt()
    layers, embed, head = (
        ("blocks", "embed", "lm_head") if moscales else ("layers", "token_embedder", "output")
    )
    state = {
        f"{embed}.weight": known("E_input"),
        f"{head}.weight": known("E_output"),
        "s_z.s": known("s_z")[None] * SCALE,
        "precompute_freqs.inv_freq": np.ones(D_K // 2),
    }
    if moscales:
        state["lm_head.bias"] = np.zeros(VOCAB)
    for i in range(LAYERS):
        layer = f"{layers}.{i}."
        state |= {
            layer + "attn.Wq.weight": known("W_q", i),
            layer + "attn.Wk.weight": known("W_k", i),
            layer + "attn.Wv.weight": known("W_v", i),
            layer + "attn.Wo.weight": known("W_o", i),
            layer + "attn.s_qk.s": known("s_qk", i) * SCALE,
            layer + "alpha_A.s": known("alpha_A", i)[None] * SCALE / 0.05,
            layer + "alpha_M.s": known("alpha_M", i)[None] * SCALE / 0.05,
            layer + "mlp.Wup.weight": known("W_u", i),
            layer + "mlp.Wgate.weight": known("W_nu", i),
            layer + "mlp.Wdown.weight": known("W_oMLP", i),
            layer + "mlp.s_u.s": known("s_u", i)[None],
            layer + "mlp.s_v.s": known("s_nu", i)[None],
        }
    return Expected(save_folder(at, state, {"num_heads": HEADS, "dim": D}), known.only(ROLES))


def alxndrtl(at: Path) -> Expected:
    known = known_ngpt(n_kv_heads=2, signed=True)
    state = {
        "embedding.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
        "logits_scaler.scale": known("s_z") * SCALE,
    }
    expected = known.only(set(ROLES) - {"s_qk"})
    for i in range(LAYERS):
        layer = f"core.layers.{i}."
        expected["s_qk", i, None] = known("s_qk", i)[0]
        state |= {
            layer + "sa.c_q.weight": known("W_q", i),
            layer + "sa.c_k.weight": known("W_k", i),
            layer + "sa.c_v.weight": known("W_v", i),
            layer + "sa.c_proj.weight": known("W_o", i),
            layer + "sa.qk_scaler.scale": known("s_qk", i)[0] * SCALE,
            layer + "sa.rotary.inv_freq": np.ones(D_K // 2),
            layer + "sa_scaler.scale": known("alpha_A", i) * SCALE / 0.08,
            layer + "mlp_scaler.scale": known("alpha_M", i) * SCALE / 0.08,
            layer + "mlp.fc_1.weight": known("W_nu", i),
            layer + "mlp.fc_2.weight": known("W_oMLP", i),
            layer + "mlp.fc_3.weight": known("W_u", i),
            layer + "mlp.fc1_scaler.scale": known("s_nu", i),
            layer + "mlp.fc3_scaler.scale": known("s_u", i),
        }
    config = {"architecture": "Transformer", "n_heads": HEADS, "n_kv_heads": 2, "d_model": D}
    return Expected(save_folder(at, state, config), expected, n_kv_heads=2)


def dolomite(at: Path) -> Expected:
    known = known_ngpt()
    config = HF_CONFIG | {
        "model_type": "ngpt",
        "ngpt_attn_alpha_init": 0.04,
        "ngpt_mlp_alpha_init": 0.03,
        "ngpt_alpha_init_scaling": 0.2,
        "ngpt_suv_init_scaling": 0.5,
        "ngpt_sz_init_value": 2.0,
        "ngpt_sz_init_scaling": 0.1,
    }
    state = {
        "transformer.wte.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
        "sz": known("s_z") * 0.1 / 2.0,
    }
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        qkv = interleave(*(known(role, i) for role in ("W_q", "W_k", "W_v")), groups=HEADS)
        state |= {
            h + "sequence_mixer.c_attn.weight": qkv,
            h + "sequence_mixer.c_proj.weight": known("W_o", i),
            h + "mlp_block.c_fc.weight": np.concatenate([known("W_u", i), known("W_nu", i)]),
            h + "mlp_block.c_proj.weight": known("W_oMLP", i),
            h + "attn_alpha": known("alpha_A", i) * 0.2 / 0.04,
            h + "mlp_alpha": -known("alpha_M", i) * 0.2 / 0.03,
            h + "sqk": known("s_qk", i).reshape(-1) * 0.2,
            h + "suv": np.concatenate([known("s_u", i), known("s_nu", i)]) * 0.5,
        }
    return Expected(save_folder(at, state, config), known.only(ROLES))


def bailing(at: Path) -> Expected:
    """Write a dense layer and one of experts; alpha_A starts at 0.5 in the first."""
    known = known_ngpt(n_kv_heads=2, signed=True)
    mixture = known_ngpt(n_kv_heads=2, experts=True)
    state = {
        "model.word_embeddings.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
        "finalnorm": known("s_z") / D**0.5,
        "model.norm.weight": np.ones(D),
    }
    start = 0.70716 / LAYERS
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        qkv = np.concatenate([known(role, i) for role in ("W_q", "W_k", "W_v")])
        state |= {
            layer + "attention.query_key_value.weight": qkv,
            layer + "attention.dense.weight": known("W_o", i),
            layer + "attention.query_layernorm.weight": np.ones(D_K),
            layer + "attention.key_layernorm.weight": np.ones(D_K),
            layer + "attn_alpha": known("alpha_A", i) * SCALE / (0.5 if i == 0 else start),
            layer + "mlp_alpha": known("alpha_M", i) * SCALE / start,
            layer + "input_layernorm.weight": np.ones(D),
            layer + "post_attention_layernorm.weight": np.ones(D),
        }
    state |= {
        "model.layers.0.mlp.up_proj.weight": known("W_u", 0),
        "model.layers.0.mlp.gate_proj.weight": known("W_nu", 0),
        "model.layers.0.mlp.down_proj.weight": known("W_oMLP", 0),
        "model.layers.0.mlp.swv.weight": known("s_u", 0) / D_MLP**0.5,
        "model.layers.1.mlp.gate.weight": router(1, unit=True),
        "model.layers.1.mlp.gate.router_scaling": np.ones(1),
    }
    names = {"W_u": "up_proj", "W_nu": "gate_proj", "W_oMLP": "down_proj"}
    values = known.only((*EMBEDDINGS, *ATTENTION, *ALPHAS, "s_z"))
    for role, name in names.items():
        values[role, 0, None] = known(role, 0)
        for e in (*range(EXPERTS), None):
            place = "shared_experts" if e is None else f"experts.{e}"
            state[f"model.layers.1.mlp.{place}.{name}.weight"] = mixture(role, 1, e)
            values[role, 1, e] = mixture(role, 1, e)
    values["s_u", 0, None] = known("s_u", 0)
    values["W_router", 1, None] = router(1, unit=True)
    for i in range(LAYERS):
        values |= {("gain_A", i, None): np.ones(D), ("gain_M", i, None): np.ones(D)}
    values["gain_final", None, None] = np.ones(D)
    config = HF_CONFIG | {"num_key_value_heads": 2, "use_nGPT": True, "layer_group_size": 2}
    return Expected(save_folder(at, state, config), values, n_kv_heads=2)


FAMILIES = (
    Family("evintunador", "evintunador_ngpt", evintunador),
    Family("moscales", "evintunador_ngpt", lambda at: evintunador(at, moscales=True)),
    Family("alxndrtl", "alxndrtl_ngpt", alxndrtl),
    Family("dolomite", "dolomite_ngpt", dolomite),
    Family("bailing", "bailing_ngpt", bailing),
)
