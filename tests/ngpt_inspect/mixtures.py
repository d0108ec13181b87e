"""Small mixtures of experts on disk, under the names of three families."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from models import Tensors
from safetensors.torch import save_file

E, D, M, LAYERS = 4, 16, 12, 2
"""Experts of a layer, widths of the model and of an expert, layers."""
NAMES = {
    "mixtral": ("block_sparse_moe", "gate", ("w1", "w3", "w2"), "num_local_experts"),
    "qwen2_moe": ("mlp", "gate", ("gate_proj", "up_proj", "down_proj"), "num_experts"),
    "deepseek_v3": ("mlp", "gate", ("gate_proj", "up_proj", "down_proj"), "n_routed_experts"),
}
"""Family -> where experts are, the router, their gate, u and output, and how many a config says."""


def write_mixture(
    folder: Path,
    family: str = "mixtral",
    change: Callable[[Tensors], None] = lambda tensors: None,
) -> tuple[Path, Tensors]:
    """Write a mixture; `change` may spoil its tensors first. Return its folder, and them."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    room, gate, (first, second, out), count = NAMES[family]
    tensors = {"model.embed_tokens.weight": draw(32, D), "model.norm.weight": torch.ones(D)}
    tensors["lm_head.weight"] = draw(32, D)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        for each in ("q", "k", "v", "o"):
            tensors[f"{at}.self_attn.{each}_proj.weight"] = draw(D, D)
        for each in ("input", "post_attention"):
            tensors[f"{at}.{each}_layernorm.weight"] = torch.ones(D)
        tensors[f"{at}.{room}.{gate}.weight"] = draw(E, D)
        for expert in range(E):
            for name, shape in ((first, (M, D)), (second, (M, D)), (out, (D, M))):
                tensors[f"{at}.{room}.experts.{expert}.{name}.weight"] = draw(*shape)
    change(tensors)
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    config = {"model_type": family, "num_attention_heads": 4, "num_hidden_layers": LAYERS}
    config |= {"hidden_size": D, count: E, "vocab_size": 32, "num_key_value_heads": 4}
    (folder / "config.json").write_text(json.dumps(config))
    return folder, tensors
