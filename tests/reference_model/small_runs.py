"""Models, settings and data small enough to train in an instant, and what their runs must be."""

import json
from contextlib import contextmanager

import numpy as np
import torch

from reference_model.checkpoint import load_model, load_resume_state
from reference_model.config import GPTConfig, NGPTConfig, TrainConfig
from reference_model.data import TokenData
from reference_model.training.loop import train
from reference_model.training.metrics import read_metrics
from reference_model.training.trainer import Trainer

torch.set_num_threads(1)  # models this small only lose time when shared between cores

SHAPE = {
    "vocab_size": 23,
    "n_layers": 2,
    "n_heads": 2,
    "d_model": 16,
    "d_mlp": 40,
    "context_length": 12,
}
LOSSES = ("step", "train_loss", "validation_loss", "gradient_norm")


def make_config(architecture, **changes):
    return {"gpt": GPTConfig, "ngpt": NGPTConfig}[architecture](**(SHAPE | changes))


def make_train_config(**changes):
    settings = {
        "steps": 12,
        "batch_size": 4,
        "learning_rate": 3e-3,
        "validation_every": 4,
        "validation_sequences": 5,
        "resume_every": 4,
        "precision": "float32",
    }
    return TrainConfig(**(settings | changes))


def make_data(vocab_size=23, length=2000, seed=0):
    """Tokens with something to learn: each is the last plus a small step."""
    steps = np.random.default_rng(seed).integers(0, 3, size=length)
    tokens = (np.cumsum(steps) % vocab_size).astype(np.uint16)
    return TokenData(tokens[:-200], tokens[-200:], vocab_size, "{}", f"steps {length} {seed}")


def shake(model, seed=0):
    """Move every number off its special initial value, so that no term hides behind a one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            factor = 1 + 0.4 * torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            tensor.mul_(factor)
            if "alpha" in name:
                tensor[::3].neg_()  # the models take the absolute value
    if hasattr(model, "normalize_matrices"):
        model.normalize_matrices()
    return model


def train_small(out, architecture="ngpt", resume=False, **changes):
    settings, config = make_train_config(**changes), make_config(architecture)
    return train(config, settings, make_data(), out, resume=resume, show_progress=False)


@contextmanager
def interrupted(after):
    """Interrupt a run inside once it has taken so many steps; None lets it go on to its end."""
    original = Trainer.take_step

    def take_step(trainer):
        if trainer.step == after:
            raise KeyboardInterrupt
        return original(trainer)

    Trainer.take_step = take_step
    try:
        yield
    except KeyboardInterrupt:
        assert after is not None
    else:
        assert after is None, "it ended before"
    finally:
        Trainer.take_step = original


def results(folder):
    """Losses of every step, and every kept file of weights."""
    losses = [tuple(line[name] for name in LOSSES) for line in read_metrics(folder)]
    return losses, {path.name: path.read_bytes() for path in folder.glob("step-*.safetensors")}


def check_whole(folder, torn=False):
    """Fail unless every file in the folder can be used as it is; returns the step to resume at."""
    for path in folder.glob("step-*.safetensors"):
        load_model(path)
    text = (folder / "metrics.jsonl").read_text() if (folder / "metrics.jsonl").exists() else ""
    *lines, rest = text.split("\n")
    steps = [json.loads(line)["step"] for line in lines]
    assert steps == list(range(1, len(lines) + 1))
    assert torn or rest == ""
    state = load_resume_state(folder)
    if state is None:
        assert not lines
        return 0
    assert len(lines) >= state["step"] or not (folder / "metrics.jsonl").exists()
    return state["step"]
