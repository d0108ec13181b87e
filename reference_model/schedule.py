"""The learning rate of every step, and how much a run decays (arXiv 2410.01131, A.5)."""

import math

from reference_model.config import TrainConfig


def learning_rate(config: TrainConfig, step: int) -> float:
    """Rate of step 1, 2, ...: linear warm-up, then a cosine that is zero after the last step."""
    warmup = config.warmup_steps
    if step <= warmup:
        return config.learning_rate * step / warmup
    done = (step - 1 - warmup) / (config.steps - warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def decay_exposure(config: TrainConfig, step: int | None = None) -> float:
    """E = sum of learning rate x weight decay over the first `step` steps, or over all of them.

    A decaying matrix that gets no gradient shrinks to exp(-E) of its size. Matrices that do not
    decay (`no_decay`, those that `hyperball` holds) have none.
    """
    steps = config.steps if step is None else step
    return config.weight_decay * math.fsum(learning_rate(config, s) for s in range(1, steps + 1))
