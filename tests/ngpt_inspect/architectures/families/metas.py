"""Meta's names, as Meta, Mistral and torchtitan have them; nanochat's."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from families.known import (
    D_K,
    EXPERTS,
    HEADS,
    LAYERS,
    D,
    Expected,
    Family,
    Written,
    known_gpt,
    stored,
    written,
)

KV = 2
PARAMS = {"dim": D, "n_layers": LAYERS, "n_heads": HEADS, "n_kv_heads": KV, "head_dim": D_K}
GATED = "{0}w3.weight=W_u {0}w1.weight=W_nu {0}w2.weight=W_oMLP "
MLPS = {
    "dense": GATED.format("feed_forward."),
    "apart": GATED.format("feed_forward.experts.{e}."),
    "stacked": "moe.experts.w3=W_u* moe.experts.w1=W_nu* moe.experts.w2=W_oMLP* "
    + GATED.format("moe.shared_experts."),
}
ROUTERS = {"apart": "feed_forward.gate.weight", "stacked": "moe.router.gate.weight"}


def named(*, mlp: str = "dense", tied: bool = False) -> Written:
    return written(
        known_gpt(n_kv_heads=KV, experts=mlp != "dense"),
        "tok_embeddings.weight=E_input norm.weight=gain_final "
        + ("" if tied else "output.weight=E_output"),
        "layers.{}.",
        "attention.wq.weight=W_q attention.wk.weight=W_k attention.wv.weight=W_v "
        "attention.wo.weight=W_o attention_norm.weight=gain_A ffn_norm.weight=gain_M " + MLPS[mlp],
        beside={} if mlp == "dense" else {ROUTERS[mlp]: np.ones((EXPERTS, D))},
    )


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
    whole = named(mlp=mlp, tied=tied)
    return Expected(write(at, whole.state, file=file), whole.values, n_kv_heads=KV)


def parts(at: Path, *, n: int, rows: bool, suffix: str) -> Expected:
    """Write what `n` processes of Meta's model parallelism save."""
    whole = named()
    for rank in range(n):
        state = {}
        for name, array in whole.state.items():
            columns = name.endswith(("wo.weight", "w2.weight")) or ("tok_" in name and not rows)
            cut = np.split(array, n, 1 if columns else 0) if array.ndim > 1 else [array] * n
            state[name] = cut[rank]
        write(at, state, file=f"consolidated.{rank:02d}{suffix}")
    return Expected(at, whole.values, n_kv_heads=KV)


def nanochat(at: Path) -> Expected:
    whole = written(
        known_gpt(n_kv_heads=KV),
        "transformer.wte.weight=E_input lm_head.weight=E_output",
        "transformer.h.{}.",
        "attn.c_q.weight=W_q attn.c_k.weight=W_k attn.c_v.weight=W_v attn.c_proj.weight=W_o "
        "mlp.c_fc.weight=W_u mlp.c_proj.weight=W_oMLP",
    )
    lambdas = dict.fromkeys(("resid_lambdas", "x0_lambdas"), np.ones(LAYERS))
    values = {
        "value_embeds.1.weight": np.ones((30, KV * D_K)),
        "transformer.h.1.attn.ve_gate.weight": np.ones((KV, 12)),
    }
    write(at, whole.state | lambdas | values, params=False, file="model_000500.pt")
    sizes = {"n_head": HEADS, "n_kv_head": KV, "n_embd": D, "n_layer": LAYERS}
    told = {"step": 500, "val_bpb": 1.0, "model_config": sizes}
    (at / "meta_000500.json").write_text(json.dumps(told))
    torch.save({"state": {}}, at / "optim_000500_rank0.pt")
    return Expected(at, whole.values, n_kv_heads=KV)


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
