"""Final loss of GPT and nGPT against peak learning rate, one grid for both (Figure 7).

Writes learning_rates.csv, one row per validation loss of every run. The other experiments take
their learning rates from this grid.
"""

import argparse
import sys
from functools import partial

from reference_model.config import Architecture
from reference_model.experiments.command import run_experiment, table
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.runs import Run, final_loss, loss_rows, plan
from reference_model.experiments.scales import Scale

NAME = "learning_rates"
ARCHITECTURES: tuple[Architecture, ...] = ("gpt", "ngpt")

Rates = dict[tuple[str, int, int], float]
"""Best rate by architecture, context length and steps of the grid."""


def grid(scale: Scale) -> dict[tuple[Architecture, int, int], list[Run]]:
    """All runs of the grid by architecture, context length and steps; one a rate."""
    return {
        (architecture, context_length, steps): [
            plan(scale, architecture, context_length=context_length, steps=steps, rate=rate)
            for rate in scale.rates
        ]
        for architecture in ARCHITECTURES
        for context_length in scale.contexts
        for steps in scale.rate_budgets
    }


def best_rates(laboratory: Laboratory) -> Rates:
    """Train the grid where it is not trained yet and return the rates of the lowest losses."""
    runs = grid(laboratory.scale)
    laboratory.train(run for group in runs.values() for run in group)
    best: Rates = {}
    for key, group in runs.items():
        losses = {run: final_loss(run, laboratory.folder(run)) for run in group}
        ended = {run: loss for run, loss in losses.items() if loss is not None}
        if ended:
            best[key] = min(ended, key=ended.__getitem__).training.learning_rate
    return best


def rate_for(rates: Rates, architecture: str, context_length: int, steps: int) -> float:
    """Rate of the grid's budget whose ratio to `steps` is nearest to 1; of two, the longer.

    Figure 7: longer runs want lower rates, so a budget takes them from one of its own kind.
    """
    budgets = sorted(
        {key[2] for key in rates if key[:2] == (architecture, context_length)}, reverse=True
    )
    nearest = min(budgets, key=lambda budget: max(budget, steps) / min(budget, steps))
    return rates[architecture, context_length, nearest]


def experiment(laboratory: Laboratory, _: argparse.Namespace) -> str:
    """Train the grid, write its losses, and lay out the final ones."""
    rates = best_rates(laboratory)
    groups = grid(laboratory.scale)
    runs = [run for group in groups.values() for run in group]
    laboratory.keep(
        NAME, [row for run in runs for row in loss_rows(run, laboratory.folder(run))], runs
    )
    lines = [["", *(f"{rate:g}" for rate in laboratory.scale.rates)]]
    for key, group in groups.items():
        architecture, context_length, steps = key
        cells = []
        for run in group:
            loss = final_loss(run, laboratory.folder(run))
            best = run.training.learning_rate == rates.get(key)
            cells.append("diverged" if loss is None else f"{loss:.4f}{'*' if best else ' '}")
        lines.append([f"{architecture}, context {context_length}, {steps} steps", *cells])
    return table(lines)


main = partial(run_experiment, experiment, NAME, __doc__)

if __name__ == "__main__":
    sys.exit(main())
