"""Decoders of known parts that have no layout of their own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from families.known import (
    ATTENTION,
    D_K,
    D_MLP,
    EMBEDDINGS,
    GAINS,
    HEADS,
    HF_CONFIG,
    LAYERS,
    MLP,
    D,
    Expected,
    Family,
    interleave,
    known_gpt,
    save_folder,
)

PLAIN = ("W_u", "W_oMLP")


def write(
    folder: Path,
    model_type: str,
    names: dict[str, str],
    cut: str,
    kv: int = HEADS,
    **config: Any,
) -> Expected:
    """Write a GPT under these names of its roles; ``qkv`` is what `cut` makes of three."""
    known = known_gpt(kv)
    tensors: dict[str, np.ndarray] = {}
    for role, name in names.items():
        for layer in range(LAYERS) if "{}" in name else [None]:
            if role == "qkv":
                q, k, v = (known(each, layer) for each in ("W_q", "W_k", "W_v"))
                whole = np.concatenate([q, k, v])
                array = interleave(q, k, v, groups=kv) if cut == "by group" else whole
                tensors[name.format(layer) + ".bias"] = np.zeros(len(array))
            elif role == "gate_up":
                array = np.concatenate([known("W_nu", layer), known("W_u", layer)])
            else:
                array = known(role, layer)
            tensors[name.format(layer) + ".weight"] = array
    roles = {*EMBEDDINGS, *ATTENTION, *GAINS, *(MLP if "gate_up" in names else PLAIN)}
    save_folder(folder, tensors, HF_CONFIG | {"model_type": model_type, **config})
    values = known.only(roles if "W_nu" not in names else {*roles, "W_nu"})
    return Expected(folder, values, n_kv_heads=kv)


def named(layer: str, prefix: str, **names: str) -> dict[str, str]:
    outside = ("E_input", "E_output", "gain_final")
    at = {role: prefix if role in outside else layer for role in names}
    return {role: at[role] + name for role, name in names.items()}


BLOOM = named(
    "transformer.h.{}.",
    "transformer.",
    E_input="word_embeddings",
    gain_final="ln_f",
    gain_A="input_layernorm",
    gain_M="post_attention_layernorm",
    qkv="self_attention.query_key_value",
    W_o="self_attention.dense",
    W_u="mlp.dense_h_to_4h",
    W_oMLP="mlp.dense_4h_to_h",
) | {"E_output": "lm_head"}
MPT = named(
    "transformer.blocks.{}.",
    "transformer.",
    E_input="wte",
    gain_final="norm_f",
    gain_A="norm_1",
    gain_M="norm_2",
    qkv="attn.Wqkv",
    W_o="attn.out_proj",
    W_u="ffn.up_proj",
    W_oMLP="ffn.down_proj",
) | {"E_output": "lm_head"}
EXAONE = named(
    "somebodys.stack.h.{}.",
    "somebodys.stack.",
    E_input="wte",
    gain_final="ln_f",
    gain_A="ln_1",
    gain_M="ln_2",
    W_q="attn.attention.q_proj",
    W_k="attn.attention.k_proj",
    W_v="attn.attention.v_proj",
    W_o="attn.attention.out_proj",
    W_nu="mlp.c_fc_0",
    W_u="mlp.c_fc_1",
    W_oMLP="mlp.c_proj",
) | {"E_output": "lm_head"}
GLM = named(
    "model.layers.{}.",
    "model.",
    E_input="embed_tokens",
    gain_final="norm",
    gain_A="input_layernorm",
    gain_M="post_attention_layernorm",
    W_q="self_attn.q_proj",
    W_k="self_attn.k_proj",
    W_v="self_attn.v_proj",
    W_o="self_attn.o_proj",
    gate_up="mlp.gate_up_proj",
    W_oMLP="mlp.down_proj",
) | {"E_output": "lm_head"}

FAMILIES = tuple(
    Family(
        name=f"decoder-{model_type}-{kv}",
        architecture="decoder",
        write=partial(write, model_type=model_type, names=names, cut=cut, kv=kv, **config),
    )
    for model_type, names, cut, kv, config in (
        ("bloom", BLOOM, "by group", HEADS, {}),
        ("falcon", BLOOM, "by group", 2, {"num_kv_heads": 2}),
        ("falcon", BLOOM, "by group", 1, {"multi_query": True}),
        ("sarvam_moe", BLOOM, "one after another", 2, {}),
        ("mpt", MPT, "one after another", HEADS, {}),
        ("exaone", EXAONE, "", 2, {"num_key_value_heads": 2}),
        ("glm", GLM, "", 2, {"num_key_value_heads": 2}),
    )
)
assert D_K * HEADS == D != D_MLP
