"""Time of a training step, nGPT over GPT (section A.4).

Forward, backward, clipping, optimiser and nGPT's normalisation, at three context lengths. The two
models take steps in turn within one process, so both see the same drift of the machine. Writes
step_time.csv, one row per timed step.
"""

import argparse
import statistics
import sys
import time
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from reference_model.config import FAMILY
from reference_model.experiments.command import run_experiment, table
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.learning_rates import ARCHITECTURES
from reference_model.experiments.runs import plan
from reference_model.progress import say
from reference_model.training.ranks import Ranks, join_ranks
from reference_model.training.trainer import Trainer

NAME = "step_time"
WARM_UP = 3
"""Steps of each model that are not timed: allocation, compilation."""


def timed(trainer: Trainer, device: torch.device) -> float:
    """Seconds of one step, with everything it set going on a GPU."""
    _wait(device)
    started = time.perf_counter()
    trainer.take_step()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(laboratory: Laboratory, context_length: int, ranks: Ranks) -> list[dict[str, Any]]:
    """Rows of one context length."""
    scale, data = laboratory.scale, laboratory.data()
    count = WARM_UP + scale.timed_steps
    trainers = {}
    for architecture in ARCHITECTURES:
        # one step more than is taken: only the last one measures a validation loss
        steps, rate = count + 1, scale.rates[0]
        run = plan(scale, architecture, context_length=context_length, steps=steps, rate=rate)
        training = replace(run.training, validation_every=steps)
        trainers[architecture] = Trainer(run.model, training, data, ranks, laboratory.compiled)
    rows = []
    for number in range(count):
        for architecture, trainer in trainers.items():
            seconds = timed(trainer, ranks.device)
            if number < WARM_UP:
                continue
            rows.append(
                {
                    "family": FAMILY[architecture],
                    "size": scale.name,
                    "context_length": context_length,
                    "batch_size": trainer.config.batch_size,
                    "precision": trainer.precision,
                    "compiled": laboratory.compiled,
                    "round": number - WARM_UP,
                    "seconds": seconds,
                }
            )
    return rows


def experiment(laboratory: Laboratory, _: argparse.Namespace) -> str:
    """Time all context lengths, write the times, and lay out the ratios."""
    rows: list[dict[str, Any]] = []
    lines = [["context", "GPT s", "nGPT s", "nGPT / GPT, median", "quartiles"]]
    with join_ranks(laboratory.device) as ranks:
        for context_length in laboratory.scale.contexts:
            say(f"timing context {context_length}")
            found = measure(laboratory, context_length, ranks)
            rows += found
            seconds = {
                family: [row["seconds"] for row in found if row["family"] == family]
                for family in FAMILY.values()
            }
            ratios = [n / g for n, g in zip(seconds["nGPT"], seconds["GPT"], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            lines.append(
                [
                    str(context_length),
                    *(f"{statistics.median(seconds[family]):.4f}" for family in FAMILY.values()),
                    f"{middle:.3f}",
                    f"{low:.3f} to {high:.3f}",
                ]
            )
    laboratory.keep(NAME, rows)
    return table(lines)


main = partial(run_experiment, experiment, NAME, __doc__)

if __name__ == "__main__":
    sys.exit(main())
