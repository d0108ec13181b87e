"""Meta's names, as Meta, Mistral and torchtitan have them; nanochat's."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from families.known import (
    ATTENTION,
    D_K,
    EMBEDDINGS,
    EXPERTS,
    GAINS,
    HEADS,
    LAYERS,
    MLP,
    D,
    Expected,
    Family,
    Known,
    known_gpt,
    stored,
)

KV = 2
ATTENTION_NAMES = {"W_q": "wq", "W_k": "wk", "W_v": "wv", "W_o": "wo"}
MLP_NAMES = {"W_u": "w3", "W_nu": "w1", "W_oMLP": "w2"}
PARAMS = {"dim": D, "n_layers": LAYERS, "n_heads": HEADS, "n_kv_heads": KV, "head_dim": D_K}
ALL = (*EMBEDDINGS, *ATTENTION, *MLP, *GAINS)


def named(known: Known, *, mlp: str = "dense", tied: bool = False) -> dict[str, np.ndarray]:
    state = {"tok_embeddings.weight": known("E_input"), "norm.weight": known("gain_final")}
    state |= {} if tied else {"output.weight": known("E_output")}
    for i in range(LAYERS):
        at = f"layers.{i}."
        state |= {
            f"{at}attention.{n}.weight": known(role, i) for role, n in ATTENTION_NAMES.items()
        }
        state |= {
            f"{at}attention_norm.weight": known("gain_A", i),
            f"{at}ffn_norm.weight": known("gain_M", i),
        }
        for role, n in MLP_NAMES.items():
            if mlp == "dense":
                state[f"{at}feed_forward.{n}.weight"] = known(role, i)
                continue
            experts = [known(role, i, e) for e in range(EXPERTS)]
            if mlp == "stacked":
                state[f"{at}moe.experts.{n}"] = np.stack(experts)
                state[f"{at}moe.shared_experts.{n}.weight"] = known(role, i)
                continue
            for e, expert in enumerate(experts):
                state[f"{at}feed_forward.experts.{e}.{n}.weight"] = expert
        if mlp == "stacked":
            state[f"{at}moe.router.gate.weight"] = np.ones((EXPERTS, D))
        if mlp == "apart":
            state[f"{at}feed_forward.gate.weight"] = np.ones((EXPERTS, D))
    return state


def write(folder: Path, state: dict[str, np.ndarray], *, params: bool = True, file: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: stored(array) for name, array in state.items()}
    if file.endswith(".safetensors"):
        save_file(tensors, folder / file)
    else:
        torch.save(tensors, folder / file)
    if params:
        (folder / "params.json").write_text(json.dumps(PARAMS))
    return folder


def meta(at: Path, *, file: str, mlp: str = "dense", tied: bool = False) -> Expected:
    known = known_gpt(n_kv_heads=KV, experts=mlp != "dense")
    path = write(at, named(known, mlp=mlp, tied=tied), file=file)
    values = known.only(set(ALL) - {"E_output"} if tied else ALL)
    if mlp == "apart":
        values = {k: v for k, v in values.items() if k[0] not in MLP or k[2] is not None}
    return Expected(path, values, n_kv_heads=KV)


def parts(at: Path, *, n: int, rows: bool, suffix: str) -> Expected:
    """Write what `n` processes of Meta's model parallelism save."""
    known = known_gpt(n_kv_heads=KV)
    whole = named(known)
    for rank in range(n):
        state = {}
        for name, array in whole.items():
            columns = name.endswith(("wo.weight", "w2.weight")) or ("tok_" in name and not rows)
            cut = np.split(array, n, 1 if columns else 0) if array.ndim > 1 else [array] * n
            state[name] = cut[rank]
        write(at, state, file=f"consolidated.{rank:02d}{suffix}")
    return Expected(at, known.only(ALL), n_kv_heads=KV)


def nanochat(at: Path) -> Expected:
    known = known_gpt(n_kv_heads=KV)
    state = {
        "transformer.wte.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
        "resid_lambdas": np.ones(LAYERS),
        "x0_lambdas": np.ones(LAYERS),
        "value_embeds.1.weight": np.ones((30, KV * D_K)),
        "transformer.h.1.attn.ve_gate.weight": np.ones((KV, 12)),
    }
    for i in range(LAYERS):
        for role, name in zip(ATTENTION, ("c_q", "c_k", "c_v", "c_proj"), strict=True):
            state[f"transformer.h.{i}.attn.{name}.weight"] = known(role, i)
        state[f"transformer.h.{i}.mlp.c_fc.weight"] = known("W_u", i)
        state[f"transformer.h.{i}.mlp.c_proj.weight"] = known("W_oMLP", i)
    write(at, state, params=False, file="model_000500.pt")
    sizes = {"n_head": HEADS, "n_kv_head": KV, "n_embd": D, "n_layer": LAYERS}
    told = {"step": 500, "val_bpb": 1.0, "model_config": sizes}
    (at / "meta_000500.json").write_text(json.dumps(told))
    torch.save({"state": {}}, at / "optim_000500_rank0.pt")
    return Expected(at, known.only((*EMBEDDINGS, *ATTENTION, "W_u", "W_oMLP")), n_kv_heads=KV)


FAMILIES = [
    Family("meta", "meta", partial(meta, file="consolidated.00.pth")),
    Family("meta-tied", "meta", partial(meta, file="consolidated.00.pth", tied=True)),
    Family("mistral", "meta", partial(meta, file="consolidated.safetensors")),
    Family("mixtral-own", "meta", partial(meta, file="consolidated.safetensors", mlp="apart")),
    Family("torchtitan-moe", "meta", partial(meta, file="model.pt", mlp="stacked")),
    Family("meta-2-parts", "meta", partial(parts, n=2, rows=False, suffix=".pth")),
    Family("meta-2-parts-rows", "meta", partial(parts, n=2, rows=True, suffix=".pth")),
    Family("meta-parts-safe", "meta", partial(parts, n=2, rows=True, suffix=".safetensors")),
    Family("nanochat", "modded_nanogpt", nanochat),
]
