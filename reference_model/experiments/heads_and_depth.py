"""Narrow heads and more layers: where in a model condition numbers grow (Figures 5 and 10).

Six layers of d = 96 with heads of 48, 16 and 8 coordinates, GPT at the preset's decay exposure and
nGPT, each of the preset's length. Writes heads_and_depth.csv: what decay_exposure.csv has.
"""

import argparse
import sys
from functools import partial

from reference_model.experiments.command import run_experiment, table
from reference_model.experiments.decay_exposure import train_and_keep
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.learning_rates import ARCHITECTURES
from reference_model.experiments.runs import Run
from reference_model.experiments.scales import Scale
from reference_model.presets import model_config, train_config

NAME = "heads_and_depth"
SHAPE = {"n_layers": 6, "d_model": 96, "d_mlp": 384}
HEADS = (2, 6, 12)


def planned_runs(scale: Scale) -> list[Run]:
    """Return a run a family and number of heads."""
    preset = scale.exposure_preset
    return [
        Run(
            model=model_config(architecture, preset, n_heads=n_heads, **SHAPE),
            training=train_config(architecture, preset),
            size=scale.name,
            variant=f"{SHAPE['n_layers']} layers {n_heads} heads",
        )
        for n_heads in HEADS
        for architecture in ARCHITECTURES
    ]


def experiment(laboratory: Laboratory, _: argparse.Namespace) -> str:
    """Train all runs, write their condition numbers, and lay out W_q's by layer."""
    runs, rows = train_and_keep(laboratory, NAME, planned_runs(laboratory.scale))
    lines = [["kappa of W_q", "d_k", *(f"layer {n}" for n in range(SHAPE["n_layers"]))]]
    for run in runs:
        kappas = [
            f"{row['condition_number']:.3g}"
            for row in rows
            if (row["run"], row["weight"], row["step"]) == (run.name, "W_q", run.training.steps)
        ]
        lines.append([run.name, str(run.model.d_k), *(kappas or [""] * SHAPE["n_layers"])])
    return table(lines)


main = partial(run_experiment, experiment, NAME, __doc__)

if __name__ == "__main__":
    sys.exit(main())
