"""LoRA adapters as peft writes them, with and beside their base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from models import LLAMA_NAMES, Tensors, named, tiny_gpt
from safetensors.torch import save_file

LLAMA = named(tiny_gpt(), LLAMA_NAMES, torch.float32)
RANK, ALPHA = 3, 6
TARGETS = ("self_attn.q_proj", "mlp.down_proj")
Q0 = "model.layers.0.self_attn.q_proj"


def factors(name: str) -> Tensors:
    out, n_in = LLAMA[f"{name}.weight"].shape
    generator = torch.Generator().manual_seed(len(name))
    return {
        f"base_model.model.{name}.lora_A.weight": torch.randn(RANK, n_in, generator=generator),
        f"base_model.model.{name}.lora_B.weight": torch.randn(out, RANK, generator=generator),
    }


def write_base(folder: Path) -> Path:
    folder.mkdir(parents=True)
    save_file(LLAMA, folder / "model.safetensors")
    config = {"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 4}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write(folder: Path, tensors: Tensors | None = None, **config: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stems = [name.removesuffix(".weight") for name in LLAMA]
    held = {k: v for stem in stems if stem.endswith(TARGETS) for k, v in factors(stem).items()}
    save_file(held if tensors is None else tensors, folder / "adapter_model.safetensors")
    told = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, **config}
    (folder / "adapter_config.json").write_text(json.dumps(told))
    return folder


def write_beside_base(folder: Path, tensors: Tensors | None = None, **config: Any) -> Path:
    """Write an adapter, and the base that it names."""
    base = write_base(folder / "base")
    return write(folder / "mine", tensors, base_model_name_or_path=str(base), **config)


def update(name: str, scale: float = ALPHA / RANK) -> torch.Tensor:
    a, b = (each.double() for each in factors(name).values())
    return b @ a * scale
