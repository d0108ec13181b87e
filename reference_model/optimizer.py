"""AdamW and its schedule (arXiv 2410.01131, Table 3 and appendix A.5)."""

import math

import torch
from torch import nn

from reference_model.config import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW; weight decay falls on matrices only, not on gains."""
    # by name: s_qk has two axes but is a vector of scalings
    matrices = [p for name, p in model.named_parameters() if name.endswith(".weight")]
    vectors = [p for name, p in model.named_parameters() if not name.endswith(".weight")]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    betas = (config.beta1, config.beta2)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, fused=True)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Rate of step 1, 2, ...: linear warm-up, then a cosine that is zero after the last step."""
    warmup = config.warmup_steps
    if step <= warmup:
        return config.learning_rate * step / warmup
    done = (step - 1 - warmup) / (config.steps - warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
