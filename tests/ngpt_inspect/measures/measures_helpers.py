"""What the tests of measures share: rows of a table, and a DeepSeek of one layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file


def rows_of(table: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Return the rows in which columns have these values; None stands for what is missing."""
    for column, wanted in where.items():
        table = table[table[column].isna() if wanted is None else table[column] == wanted]
    return table


D_MODEL, N_HEADS, D_NOPE, D_ROPE, D_V, RANK, RANK_Q = 24, 2, 4, 2, 3, 8, 10
"""Sizes of `write_deepseek`: widths of a head's keys without and with rotation, of its values."""


def write_deepseek(folder: Path, attention: dict[str, np.ndarray], gain: np.ndarray) -> Path:
    """Write one layer of latent attention with these weights and this gain before it."""
    rng = np.random.default_rng(1)
    parts = {f"self_attn.{name}": each for name, each in attention.items()}
    parts |= {"input_layernorm": gain, "post_attention_layernorm": np.ones(D_MODEL)}
    parts |= {f"mlp.{name}_proj": rng.standard_normal((32, D_MODEL)) for name in ("up", "gate")}
    parts["mlp.down_proj"] = rng.standard_normal((D_MODEL, 32))
    held = {f"model.layers.0.{name}.weight": torch.tensor(each) for name, each in parts.items()}
    held |= {"model.embed_tokens.weight": torch.zeros(5, D_MODEL).double()}
    held |= {"model.norm.weight": torch.ones(D_MODEL).double()}
    save_file(held, folder / "model.safetensors")
    said = {"model_type": "deepseek_v2", "num_attention_heads": N_HEADS, "hidden_size": D_MODEL}
    said |= {"qk_nope_head_dim": D_NOPE, "qk_rope_head_dim": D_ROPE, "v_head_dim": D_V}
    (folder / "config.json").write_text(json.dumps(said | {"kv_lora_rank": RANK}))
    return folder
