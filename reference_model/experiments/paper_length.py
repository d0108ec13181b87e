"""The paper's length, decay and initial values, on a model that is small enough for it (Figure 5).

GPT with the paper's weight decay of 0.1 for 100,000 steps (decay exposure 10) beside nGPT with the
paper's initial values (alpha 0.05, s_z 1), at one learning rate. Steps are short, the schedule is
the paper's: 2,000 steps of warm-up for GPT, none for nGPT, a cosine to zero.

Writes paper_length.csv: what decay_exposure.csv has, at every kept step of both runs.
"""

import argparse
import sys
from functools import partial

from reference_model.config import Architecture
from reference_model.experiments.command import run_experiment, table
from reference_model.experiments.decay_exposure import train_and_keep
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.learning_rates import ARCHITECTURES
from reference_model.experiments.runs import Run
from reference_model.experiments.scales import Scale
from reference_model.presets import PRESETS, model_config, train_config

NAME = "paper_length"
DECAY = {"gpt": 0.1, "ngpt": 0.0}
WARMUP = {"gpt": 0.02, "ngpt": 0.0}
"""Share of the steps: the paper's GPT takes 2,000 of 100,000 (A.5)."""
INITIAL = {"gpt": {}, "ngpt": {"alpha_init": 0.05, "s_z_init": 1.0}}
KEPT = 20
"""Checkpoints of a run."""


def planned_runs(scale: Scale) -> list[Run]:
    """Return both runs."""
    return [_run(scale, architecture) for architecture in ARCHITECTURES]


def _run(scale: Scale, architecture: Architecture) -> Run:
    preset, steps = scale.exposure_preset, scale.long_steps
    training = train_config(
        architecture,
        preset,
        steps=steps,
        batch_size=scale.long_batch,
        learning_rate=PRESETS[preset].gpt["learning_rate"],
        warmup_steps=round(WARMUP[architecture] * steps),
        weight_decay=DECAY[architecture],
        validation_every=steps // (2 * KEPT),
        checkpoint_every=steps // KEPT,
        resume_every=steps // (5 * KEPT),
    )
    model = model_config(architecture, preset, **INITIAL[architecture])
    return Run(model=model, training=training, size=scale.name, variant="paper length")


def experiment(laboratory: Laboratory, _: argparse.Namespace) -> str:
    """Train both runs, write their condition numbers, and lay out those of the last step."""
    rows = train_and_keep(laboratory, NAME, planned_runs(laboratory.scale))[1]
    last = [row for row in rows if row["step"] == row["steps"]]
    lines = [["", "layer", "weight", "E", "loss", "condition number"]]
    lines += [
        [
            row["family"],
            str(row["layer"]),
            row["weight"],
            f"{row['exposure']:.3g}",
            f"{row['validation_loss']:.3f}",
            f"{row['condition_number']:.3g}",
        ]
        for row in last
    ]
    return table(lines)


main = partial(run_experiment, experiment, NAME, __doc__)

if __name__ == "__main__":
    sys.exit(main())
