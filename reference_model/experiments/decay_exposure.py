"""What makes a GPT's condition numbers large: the weight decay it is exposed to (Figure 5).

The exposure E of a run is the sum over its steps of learning rate times weight decay; decay takes
that share off every matrix. W_q and W_k matter only through their product, which loses rank under
it (arXiv 2410.23819). The paper's GPT has a decay of 0.1 at rates of 1e-3 to 3e-3 on a cosine of
100,000 steps: E of 5 to 15. Here decay, rate and optimiser are varied one at a time.

Writes decay_exposure.csv: condition numbers of every attention matrix and of both its products,
and the validation loss, at every kept step of every run.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from reference_model.checkpoint import checkpoint_path, load_model
from reference_model.config import Architecture, TrainConfig
from reference_model.experiments.command import run_experiment, table
from reference_model.experiments.conditioning import condition_numbers
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.runs import Run, final_loss
from reference_model.experiments.scales import Scale
from reference_model.presets import model_config, train_config
from reference_model.schedule import decay_exposure
from reference_model.training.metrics import read_metrics

NAME = "decay_exposure"

FACTORS = {"QK": "W_q", "OV": "W_v"}
"""A matrix of each product, to tell whether its factors decay."""
Row = dict[str, Any]


def planned_runs(scale: Scale) -> list[Run]:
    """Return all runs, the first seed of every recipe first."""
    return [run for seed in scale.exposure_seeds for run in _of_seed(scale, seed)]


def recipe(training: TrainConfig) -> str:
    """Name what optimises, and how it differs from AdamW with decay on every matrix."""
    parts = ["Muon" if training.optimizer == "muon" else "AdamW"]
    if training.hyperball:
        parts.append("Hyperball")
    if training.no_decay:
        parts.append(f"no decay of {' and '.join(training.no_decay)}")
    if training.eps != TrainConfig.eps:
        parts.append(f"eps {training.eps:g}")
    return ", ".join(parts)


def _of_seed(scale: Scale, seed: int) -> Iterator[Run]:
    preset = train_config("gpt", scale.exposure_preset)
    rate, decay = preset.learning_rate, scale.exposure_decay or preset.weight_decay
    gpt: list[tuple[str, Row]] = [
        (f"decay {share * decay:g}", {"weight_decay": share * decay})
        for share in (1.0, 0.0, 0.1, 0.3)
    ]
    gpt += [  # the exposure of the first, at another rate
        (f"decay {decay / by:g}", {"weight_decay": decay / by, "learning_rate": rate * by})
        for by in (2.0, 0.5)
    ]
    gpt += [
        (variant, {"weight_decay": decay, **changes})
        for variant, changes in (
            ("no decay of W_q W_k", {"no_decay": ("W_q", "W_k")}),
            ("eps 1e-5", {"eps": 1e-5}),
            ("muon", {"optimizer": "muon"}),
            ("hyperball", {"hyperball": True}),
        )
    ]
    ngpt = train_config("ngpt", scale.exposure_preset).learning_rate
    planned = [_run(scale, "gpt", variant, seed, changes) for variant, changes in gpt]
    planned += [
        _run(scale, "ngpt", "", seed, {"learning_rate": ngpt * times}) for times in (1.0, 2.0)
    ]
    # the contrast first, then what explains it: time may be up before the last
    yield from sorted(planned, key=lambda run: run not in (planned[0], planned[-2]))


def _run(scale: Scale, architecture: Architecture, variant: str, seed: int, changes: Row) -> Run:
    return Run(
        model=model_config(architecture, scale.exposure_preset),
        training=train_config(architecture, scale.exposure_preset, seed=seed, **changes),
        size=scale.name,
        variant=variant,
    )


def rows_of(laboratory: Laboratory, run: Run) -> Iterator[Row]:
    """Yield one row a kept step, layer and weight: median and range over heads."""
    folder, training = laboratory.folder(run), run.training
    losses = {line["step"]: line["validation_loss"] for line in read_metrics(folder)}
    for step in (step for step in range(training.steps + 1) if training.keeps(step)):
        path = checkpoint_path(folder, step)
        if not path.is_file():
            return  # it diverged before
        for layer, weight, kappa in condition_numbers(load_model(path)):
            yield {
                **run.identity,
                "recipe": recipe(training),
                "weight_decay": training.weight_decay,
                "step": step,
                "exposure": _exposure(training, weight, step),
                "validation_loss": losses.get(step),
                "layer": layer,
                "weight": weight,
                # middle value, or the mean of the two middle ones, as Figure 5 takes it
                "condition_number": float(kappa.quantile(0.5)),
                "lowest": float(kappa.min()),
                "highest": float(kappa.max()),
                "heads": run.model.n_heads,
                "d_k": run.model.d_k,
                "d_model": run.model.d_model,
            }


def _exposure(training: TrainConfig, weight: str, step: int) -> float:
    """Return E of a weight: a matrix that does not decay has none; a product's factors go alike."""
    spared = training.hyperball or FACTORS.get(weight, weight) in training.no_decay
    return 0.0 if spared else decay_exposure(training, step)


def train_and_keep(
    laboratory: Laboratory, name: str, planned: list[Run]
) -> tuple[list[Run], list[Row]]:
    """Train runs and write their condition numbers; return the runs that have ended, and those."""
    runs = laboratory.train_in_time(planned)
    rows = [row for run in runs for row in rows_of(laboratory, run)]
    laboratory.keep(name, rows, runs)
    return runs, rows


def experiment(laboratory: Laboratory, _: argparse.Namespace) -> str:
    """Train all runs, write their condition numbers, and lay out those of the first layer."""
    runs, rows = train_and_keep(laboratory, NAME, planned_runs(laboratory.scale))
    lines = [["", "E", "loss", "W_q", "W_k", "W_v", "W_o", "QK", "OV"]]
    for run in runs:
        first = [
            row
            for row in rows
            if (row["run"], row["layer"], row["step"]) == (run.name, 0, run.training.steps)
        ]
        loss = final_loss(run, laboratory.folder(run))
        kappas = [f"{row['condition_number']:.3g}" for row in first] or [""] * 6
        exposure = f"{decay_exposure(run.training):.2f}"
        lines.append([run.name, exposure, f"{loss:.3f}" if loss else "diverged", *kappas])
    return f"condition numbers of layer 0 after the last step, median over heads\n{table(lines)}"


main = partial(run_experiment, experiment, NAME, __doc__)

if __name__ == "__main__":
    sys.exit(main())
