"""Small checkpoints of both families, in the names of public code."""

from __future__ import annotations

import numpy as np
import torch
from safetensors.torch import save_file

D_MODEL, VOCAB, D_MLP, N_HEADS = 8, 12, 16, 2


def unit(matrix, axis):
    return matrix / np.linalg.norm(matrix, axis=axis, keepdims=True)


def write_ngpt(path, seed=0):
    """Write a small nGPT as NVIDIA's code names it, as safetensors."""
    random = np.random.default_rng(seed)
    rows = {"query": D_MODEL, "key": D_MODEL, "value": D_MODEL, "c_fc": 2 * D_MLP}
    tensors = {
        f"transformer.h.0.{name}.weight": unit(random.normal(size=(n, D_MODEL)), 1)
        for name, n in rows.items()
    }
    for name, width in (("att_c_proj", D_MODEL), ("mlp_c_proj", D_MLP)):
        tensors[f"transformer.h.0.{name}.weight"] = unit(random.normal(size=(D_MODEL, width)), 0)
    for name, size in (("attn_alpha", 8), ("mlp_alpha", 8), ("sqk", 8), ("suv", 2 * D_MLP)):
        tensors[f"transformer.h.0.{name}"] = random.normal(0.35, 0.02, size)
    for name in ("transformer.wte.weight", "lm_head.weight"):
        tensors[name] = unit(random.normal(size=(VOCAB, D_MODEL)), 1)
    tensors["sz"] = random.normal(0.35, 0.02, VOCAB)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.from_numpy(array) for name, array in tensors.items()}, path)
    return path


def write_gpt(path):
    """Write a small Llama-like GPT."""
    random = np.random.default_rng(1)
    matrices = {f"self_attn.{x}_proj": (D_MODEL, D_MODEL) for x in "qkvo"}
    matrices |= {f"mlp.{x}_proj": (D_MLP, D_MODEL) for x in ("up", "gate")}
    matrices |= {"mlp.down_proj": (D_MODEL, D_MLP)}
    tensors = {
        f"model.layers.0.{name}.weight": random.normal(size=size) for name, size in matrices.items()
    }
    for name in ("input_layernorm", "post_attention_layernorm"):
        tensors[f"model.layers.0.{name}.weight"] = random.normal(1, 0.1, D_MODEL)
    tensors["model.norm.weight"] = random.normal(1, 0.1, D_MODEL)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = random.normal(size=(VOCAB, D_MODEL))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.from_numpy(array) for name, array in tensors.items()}, path)
    return path
