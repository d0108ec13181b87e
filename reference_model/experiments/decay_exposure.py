"""What makes a GPT's condition numbers large: the weight decay it was exposed to (Figure 5).

The exposure E of a run is the sum over its steps of learning rate times weight decay. AdamW takes
that share off every matrix; W_q and W_k, whose product alone matters, lose rank under it (arXiv
2410.23819). The paper's GPT has a decay of 0.1 at rates of 1e-3 to 3e-3 on a cosine of 100,000
steps: E of 5 to 15.

Writes decay_exposure.csv: condition numbers and validation loss at every kept step of every run.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from reference_model.config import Architecture, TrainConfig
from reference_model.experiments.command import run_experiment, table
from reference_model.experiments.conditioning import condition_numbers
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.runs import Run, loss_rows
from reference_model.experiments.scales import SCALES
from reference_model.optimizer import learning_rate
from reference_model.presets import model_config, train_config

NAME = "decay_exposure"
PRESET = "contrast"
SEEDS = (0, 1)
VARIANTS: tuple[tuple[Architecture, str, dict[str, Any]], ...] = (
    ("gpt", "decay 1", {}),
    ("ngpt", "", {}),
    ("gpt", "decay 0", {"weight_decay": 0.0}),
    ("gpt", "decay 0.1", {"weight_decay": 0.1}),
    ("gpt", "decay 0.3", {"weight_decay": 0.3}),
    # the exposure of the first, reached at another rate
    ("gpt", "decay 0.5", {"weight_decay": 0.5, "learning_rate": 4e-3}),
    ("gpt", "decay 2", {"weight_decay": 2.0, "learning_rate": 1e-3}),
    ("ngpt", "", {"learning_rate": 8e-3}),
)
"""What is trained: the architecture, its name, and what differs from the preset."""


def planned_runs() -> list[Run]:
    """All runs, the first seed of every variant first."""
    return [
        Run(
            model=model_config(architecture, PRESET),
            training=train_config(architecture, PRESET, seed=seed, **changes),
            size=PRESET,
            variant=variant,
        )
        for seed in SEEDS
        for architecture, variant, changes in VARIANTS
    ]
