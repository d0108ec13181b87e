"""Experiments in an instant: a scale of toy models, and tokens with something to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from reference_model.experiments.scales import Scale
from reference_model.presets import Preset

torch.set_num_threads(1)  # models this small only lose time when shared between cores

SHAPE = {"vocab_size": 32, "n_layers": 1, "n_heads": 2, "d_model": 16, "d_mlp": 24}
TOY = Preset(
    shape={**SHAPE, "context_length": 8},
    training={"steps": 8, "batch_size": 4},
    gpt={"learning_rate": 1e-2, "warmup_steps": 2, "weight_decay": 0.1},
    ngpt={"learning_rate": 1e-2},
)
SCALE = Scale(
    name="toy",
    preset="toy",
    contexts=(8, 16),
    tokens_per_step=32,
    rates=(1e-2, 2e-2),
    rate_budgets=(2, 4),
    gpt_budgets=(2, 4, 8),
    ngpt_budgets=(2, 4),
    seeds=(0, 1),
    ablation_steps=2,
    ablation_seeds=(0,),
    validation_every=2,
    validation_tokens=64,
    evaluated_tokens=256,
    timed_steps=3,
    exposure_preset="toy",
    exposure_seeds=(0,),
    long_steps=20,
)


def write_corpus(folder: Path) -> Path:
    """Write token ids, each the last plus a small step; return the folder."""
    folder.mkdir()
    steps = np.random.default_rng(0).integers(0, 3, size=4000)
    tokens = (np.cumsum(steps) % 32).astype(np.uint16)
    tokens[:3000].tofile(folder / "train.bin")
    tokens[3000:].tofile(folder / "val.bin")
    return folder
