"""How many steps GPT needs for the loss nGPT reaches (Figures 1 and 2).

GPT and nGPT at three context lengths, several budgets, each run with a schedule of its own, and
several seeds; learning rates of both from the learning_rates experiment. Writes speed_up.csv, one
row per validation loss of every run; `ngpt-inspect figures` computes and draws the factors.
"""

import argparse
import statistics
import sys
from functools import partial

from reference_model.experiments.command import run_experiment, table
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.learning_rates import ARCHITECTURES, Rates, best_rates, rate_for
from reference_model.experiments.runs import Run, final_loss, loss_rows, plan
from reference_model.experiments.scales import Scale

NAME = "speed_up"


def scheduled_runs(scale: Scale, rates: Rates) -> list[Run]:
    """One run per architecture, context length, budget and seed."""
    budgets = {"gpt": scale.gpt_budgets, "ngpt": scale.ngpt_budgets}
    return [
        plan(
            scale,
            architecture,
            context_length=context_length,
            steps=steps,
            rate=rate_for(rates, architecture, context_length, steps),
            seed=seed,
        )
        for seed in scale.seeds
        for context_length in scale.contexts
        for architecture in ARCHITECTURES
        for steps in budgets[architecture]
        if seed == scale.seeds[0] or steps <= (scale.longest_repeated or steps)
    ]


def experiment(laboratory: Laboratory, _: argparse.Namespace) -> str:
    """Train all runs, write their losses, and lay out the final ones."""
    runs = scheduled_runs(laboratory.scale, best_rates(laboratory))
    runs = laboratory.train_in_time(runs)
    laboratory.keep(
        NAME, [row for run in runs for row in loss_rows(run, laboratory.folder(run))], runs
    )
    lines = [["", "steps", "rate", "validation loss, mean of seeds"]]
    groups: dict[tuple[str, int, int], list[Run]] = {}
    for run in runs:
        key = (run.family, run.model.context_length, run.training.steps)
        groups.setdefault(key, []).append(run)
    for (family, context_length, steps), group in groups.items():
        losses = [final_loss(run, laboratory.folder(run)) for run in group]
        ended = [loss for loss in losses if loss is not None]
        shown = f"{statistics.mean(ended):.4f}" if ended else "diverged"
        rate = f"{group[0].training.learning_rate:g}"
        lines.append([f"{family}, context {context_length}", str(steps), rate, shown])
    where = laboratory.results
    return f"{table(lines)}\nfactors: ngpt-inspect figures {where} -o {where / 'figures'}"


main = partial(run_experiment, experiment, NAME, __doc__)

if __name__ == "__main__":
    sys.exit(main())
