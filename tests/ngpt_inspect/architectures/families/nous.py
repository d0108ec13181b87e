"""JoeLi12345/nGPT (Nous Research): Conv1D, biases, a second head that is the one in use."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from families.known import (
    ALPHAS,
    ATTENTION,
    D_MLP,
    EMBEDDINGS,
    HEADS,
    LAYERS,
    MLP,
    VOCAB,
    D,
    Expected,
    Family,
    known_ngpt,
    save_folder,
)


def nous(at: Path) -> Expected:
    known = known_ngpt()
    scale = D**-0.5
    rng = np.random.default_rng(9)
    positions = rng.standard_normal((12, D))
    state = {
        "transformer.wte.weight": known("E_input"),
        "transformer.wpe.weight": positions,
        "lm_head_2.weight": known("E_output"),
        "lm_head.weight": rng.standard_normal((VOCAB, D)),
        "sz": known("s_z") * scale,
    }
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        qkv = np.concatenate([known("W_q", i), known("W_k", i), known("W_v", i)])
        state |= {
            h + "attn.c_attn.weight": qkv.T,
            h + "attn.c_attn.bias": np.zeros(3 * D),
            h + "attn.c_proj.weight": known("W_o", i).T,
            h + "attn.c_proj.bias": np.zeros(D),
            h + "mlp.c_fc.weight": np.concatenate([known("W_u", i), known("W_nu", i)]).T,
            h + "mlp.c_fc.bias": np.zeros(2 * D_MLP),
            h + "mlp.c_proj.weight": known("W_oMLP", i).T,
            h + "mlp.c_proj.bias": np.zeros(D),
            h + "attn_alpha": known("alpha_A", i) * scale / 0.05,
            h + "mlp_alpha": -known("alpha_M", i) * scale / 0.05,
            h + "attn.sqk": known("s_qk", i).reshape(-1) * scale,
            h + "mlp.su": known("s_u", i),
            h + "mlp.sv": known("s_nu", i),
        }
    path = save_folder(at, state, {"model_type": "ngpt", "n_head": HEADS, "n_embd": D})
    roles = (*EMBEDDINGS, *ATTENTION, *MLP, *ALPHAS, "s_qk", "s_u", "s_nu", "s_z")
    return Expected(path, known.only(roles) | {("E_position", None, None): positions})


FAMILIES = (Family("nous", "nous_ngpt", nous),)
