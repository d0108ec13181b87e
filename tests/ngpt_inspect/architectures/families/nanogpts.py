"""nanoGPT, GPT-2 and what came of them: fused in rows, fused in columns, stacked."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from families.known import (
    ATTENTION,
    D_MLP,
    EMBEDDINGS,
    GAINS,
    HEADS,
    HF_CONFIG,
    LAYERS,
    D,
    Expected,
    Family,
    Known,
    interleave,
    known_gpt,
    save_folder,
    save_torch,
)

CORE = (*ATTENTION, "W_u", "W_oMLP")


def qkv(known: Known, layer: int) -> np.ndarray:
    return np.concatenate([known(role, layer) for role in ("W_q", "W_k", "W_v")])


def gpt2(at: Path, *, transposed: bool, gain: str = "weight") -> Expected:
    known = known_gpt()
    positions = np.random.default_rng(8).standard_normal((12, D))

    def linear(matrix: np.ndarray) -> np.ndarray:
        return matrix.T if transposed else matrix

    state = {
        "transformer.wte.weight": known("E_input"),
        "transformer.wpe.weight": positions,
        f"transformer.ln_f.{gain}": known("gain_final"),
    }
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        state |= {
            h + f"ln_1.{gain}": known("gain_A", i),
            h + f"ln_2.{gain}": known("gain_M", i),
            h + "attn.c_attn.weight": linear(qkv(known, i)),
            h + "attn.c_attn.bias": np.zeros(3 * D),
            h + "attn.c_proj.weight": linear(known("W_o", i)),
            h + "mlp.c_fc.weight": linear(known("W_u", i)),
            h + "mlp.c_fc.bias": np.zeros(D_MLP),
            h + "mlp.c_proj.weight": linear(known("W_oMLP", i)),
        }
    values = known.only(("E_input", *CORE, *GAINS)) | {("E_position", None, None): positions}
    arguments = {"n_layer": LAYERS, "n_head": HEADS, "n_embd": D}
    if transposed:
        return Expected(save_folder(at, state, {"model_type": "gpt2", **arguments}), values)
    return Expected(save_torch(at / "ckpt.pt", state, model_args=arguments), values)


def bigcode(at: Path, *, n_kv_heads: int) -> Expected:
    """Write GPT-BigCode: the queries of each group, its key, its value; one group or HEADS."""
    known = known_gpt(n_kv_heads=n_kv_heads)
    positions = np.random.default_rng(8).standard_normal((12, D))
    state = {
        "transformer.wte.weight": known("E_input"),
        "transformer.wpe.weight": positions,
        "transformer.ln_f.weight": known("gain_final"),
    }
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        three = (known(role, i) for role in ("W_q", "W_k", "W_v"))
        state |= {
            h + "ln_1.weight": known("gain_A", i),
            h + "ln_2.weight": known("gain_M", i),
            h + "attn.c_attn.weight": interleave(*three, groups=n_kv_heads),
            h + "attn.c_proj.weight": known("W_o", i),
            h + "mlp.c_fc.weight": known("W_u", i),
            h + "mlp.c_fc.bias": np.zeros(D_MLP),
            h + "mlp.c_proj.weight": known("W_oMLP", i),
        }
    values = known.only(("E_input", *CORE, *GAINS)) | {("E_position", None, None): positions}
    said = {"model_type": "gpt_bigcode", "n_head": HEADS, "multi_query": n_kv_heads == 1}
    return Expected(save_folder(at, state, said), values, n_kv_heads=n_kv_heads)


def modded(at: Path, *, generation: str) -> Expected:
    known = known_gpt()
    old = generation in ("2024-06", "2024-10")
    state = {
        "transformer.wte.weight" if old else "embed.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
    }
    for i in range(LAYERS):
        h = f"transformer.h.{i}." if old else f"blocks.{i}."
        if generation == "2024-06":
            state[h + "attn.c_attn.weight"] = qkv(known, i)
        elif generation in ("2024-10", "2024-12"):
            for role, name in (("W_q", "c_q"), ("W_k", "c_k"), ("W_v", "c_v")):
                state[h + f"attn.{name}.weight"] = known(role, i)
        elif generation == "2025-01":
            state[h + "attn.qkv_w"] = qkv(known, i).reshape(3, D, D)
        else:
            four = np.concatenate([qkv(known, i), known("W_o", i)])
            state[h + "attn.qkvo_w"] = four if generation == "2025-08" else four.reshape(4, D, D)
        if not generation.startswith("2025-08") and generation != "2025-11":
            state[h + "attn.c_proj.weight"] = known("W_o", i)
        if generation in ("2025-08", "2025-11"):
            state[h + "mlp.c_fc"] = known("W_u", i)
            state[h + "mlp.c_proj"] = known("W_oMLP", i).T
        else:
            state[h + "mlp.c_fc.weight"] = known("W_u", i)
            state[h + "mlp.c_proj.weight"] = known("W_oMLP", i)
        if not old:
            state[h + "lambdas"] = np.ones(2)
    if not old:
        state["skip_weights"] = np.ones(1)
        state["value_embeds.0.weight"] = known("E_input")
    path = save_torch(at / "state_step001000.pt", state, step=1000, code="import torch")
    return Expected(path, known.only((*EMBEDDINGS, *CORE)))


def neox(at: Path, *, head: str) -> Expected:
    known = known_gpt()
    state = {
        "gpt_neox.embed_in.weight": known("E_input"),
        f"{head}.weight": known("E_output"),
        "gpt_neox.final_layer_norm.weight": known("gain_final"),
        "gpt_neox.final_layer_norm.bias": np.zeros(D),
    }
    for i in range(LAYERS):
        layer = f"gpt_neox.layers.{i}."
        fused = interleave(*(known(role, i) for role in ("W_q", "W_k", "W_v")), groups=HEADS)
        state |= {
            layer + "attention.query_key_value.weight": fused,
            layer + "attention.query_key_value.bias": np.zeros(3 * D),
            layer + "attention.dense.weight": known("W_o", i),
            layer + "mlp.dense_h_to_4h.weight": known("W_u", i),
            layer + "mlp.dense_4h_to_h.weight": known("W_oMLP", i),
            layer + "input_layernorm.weight": known("gain_A", i),
            layer + "post_attention_layernorm.weight": known("gain_M", i),
        }
    path = save_folder(at, state, HF_CONFIG | {"model_type": "gpt_neox"})
    return Expected(path, known.only((*EMBEDDINGS, *CORE, *GAINS)))


_GENERATIONS = ("2024-10", "2024-12", "2025-01", "2025-08", "2025-11")
FAMILIES = (
    *(Family(f"bigcode-{n}", "gpt_bigcode", partial(bigcode, n_kv_heads=n)) for n in (1, HEADS)),
    Family("nanogpt", "nanogpt", partial(gpt2, transposed=False)),
    Family("nanogpt-gamma", "nanogpt", partial(gpt2, transposed=False, gain="gamma")),
    Family("gpt2", "gpt2", partial(gpt2, transposed=True)),
    Family("modded-2024-06", "nanogpt", partial(modded, generation="2024-06"), {"heads": HEADS}),
    *(
        Family(
            f"modded-{generation}",
            "modded_nanogpt",
            partial(modded, generation=generation),
            {"heads": HEADS},
        )
        for generation in _GENERATIONS
    ),
    Family("gpt_neox", "gpt_neox", partial(neox, head="embed_out")),
    Family("gpt_neox-v5", "gpt_neox", partial(neox, head="lm_head")),
)
