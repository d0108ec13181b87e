"""Small runs of both families on disk, as reference_model writes them, and how they go on."""

from __future__ import annotations

import json
import math

import torch

from reference_model.checkpoint import save_checkpoint
from reference_model.config import GPTConfig, NGPTConfig, TrainConfig
from reference_model.data.tokens import ByteTokenizer
from reference_model.model import build_model

SHAPE = {"vocab_size": 13, "n_layers": 2, "n_heads": 2, "d_model": 8, "d_mlp": 16}
CONFIGS = {"gpt": GPTConfig, "ngpt": NGPTConfig}
BATCH, CONTEXT = 4, 8


def line(step, slower=1.0, validated=5):
    """Return what a run logs in one step: loss falls with the logarithm of steps."""
    loss = 4 - math.log(step / slower) / 2
    return {
        "step": step,
        "tokens": BATCH * CONTEXT * step,
        "train_loss": loss,
        "validation_loss": None if step % validated else loss,
        "learning_rate": 1e-3,
        "gradient_norm": 1.0,
        "seconds": 0.5,
    }


def log(folder, steps, slower=1.0):
    """Append the lines of these steps to a run."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(line(step, slower))}\n" for step in steps)


def save(folder, family, step, planned=40, **shape):
    """Write the checkpoint of one step of a run."""
    torch.manual_seed(step)
    model = build_model(CONFIGS[family](**SHAPE | {"context_length": CONTEXT} | shape))
    training = TrainConfig(steps=planned, batch_size=BATCH, learning_rate=1e-3)
    return save_checkpoint(folder, model, training, step=step, tokens=BATCH * CONTEXT * step)


def write_run(folder, family, done=20, planned=40, saved=(10, 20), slower=1.0):
    """Write a run that has taken so many of its planned steps."""
    log(folder, range(1, done + 1), slower)
    for step in saved:
        save(folder, family, step, planned)
    return folder


def write_legible_run(folder, family, slower=1.0):
    """Write a run whose tokens are bytes, with its tokenizer: every page has something to show."""
    log(folder, range(1, 21), slower)
    for step in (10, 20):
        save(folder, family, step, planned=20, vocab_size=256, context_length=64)
    (folder / "tokenizer.json").write_text(ByteTokenizer().to_json())
    return folder
