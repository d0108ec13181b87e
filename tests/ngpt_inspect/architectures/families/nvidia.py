"""NVIDIA/ngpt: c_fc holds u, then the gate; one sqk for queries and keys; base_scale recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

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
    Known,
    known_ngpt,
    save_torch,
)

BASE_SCALE = 0.1
ROLES = (*EMBEDDINGS, *ATTENTION, *MLP, *ALPHAS, "s_u", "s_nu", "s_z")
ARGUMENTS = {
    "use_nGPT": 1,
    "n_layer": LAYERS,
    "n_head": HEADS,
    "n_embd": D,
    "base_scale": BASE_SCALE,
}


def tensors(known: Known, *, grouped: bool = False) -> dict[str, np.ndarray]:
    """Return the state dict: stored = effective x scale / init."""
    state = {
        "transformer.wte.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
        "sz": known("s_z") * BASE_SCALE,
    }
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        state |= {
            h + "query.weight": known("W_q", i),
            h + "key.weight": known("W_k", i),
            h + "value.weight": known("W_v", i),
            h + "att_c_proj.weight": known("W_o", i),
            h + "c_fc.weight": np.concatenate([known("W_u", i), known("W_nu", i)]),
            h + "mlp_c_proj.weight": known("W_oMLP", i),
            h + "attn_alpha": -known("alpha_A", i) * BASE_SCALE / 0.05,
            h + "mlp_alpha": known("alpha_M", i) * BASE_SCALE / 0.05,
            h + "suv": np.concatenate([known("s_u", i), known("s_nu", i)]),
        }
        if grouped:
            state[h + "sqk_q"] = known("s_q", i).reshape(-1) * BASE_SCALE
            state[h + "sqk_k"] = known("s_k", i).reshape(-1) * BASE_SCALE
        else:
            state[h + "sqk"] = known("s_qk", i).reshape(-1) * BASE_SCALE
    return state


def nvidia(at: Path) -> Expected:
    known = known_ngpt()
    state = {f"_orig_mod.{name}": array for name, array in tensors(known).items()}
    path = save_torch(at / "ckpt.pt", state, model_args=ARGUMENTS, iter_num=3)
    return Expected(path, known.only((*ROLES, "s_qk")))


def grouped(at: Path) -> Expected:
    known = known_ngpt(n_kv_heads=2)
    arguments = ARGUMENTS | {"n_head_k": 2}
    path = save_torch(at / "ckpt.pt", tensors(known, grouped=True), model_args=arguments)
    return Expected(path, known.only((*ROLES, "s_q", "s_k")), n_kv_heads=2)


def shared_attention(at: Path) -> Expected:
    known = known_ngpt(n_kv_heads=2)
    shared = ("query.weight", "key.weight", "value.weight", "att_c_proj.weight", "sqk_q", "sqk_k")
    state = {
        name.replace(last, f"shared_attn.{last}") if (last := last_of(name)) in shared else name: a
        for name, a in tensors(known, grouped=True).items()
    }
    path = save_torch(at / "ckpt.pt", state, model_args=ARGUMENTS | {"n_head_k": 2})
    return Expected(path, known.only((*ROLES, "s_q", "s_k")), n_kv_heads=2)


def last_of(name: str) -> str:
    """Return what stands after the layer's number."""
    return name.split(".", 3)[-1]


FAMILIES = (
    Family("nvidia", "nvidia_ngpt", nvidia),
    Family("ngpt_plus", "ngpt_plus", grouped),
    Family("ngpt_plus-shared", "ngpt_plus", shared_attention),
)
