"""Perplexity at one to sixteen times the trained context length (Figure 13).

Evaluates the longest runs that both models have in the speed_up experiment, trained if they are
missing, with unmodified rotary embeddings. Writes longer_context.csv, one row per run, text and
evaluated length.

The paper does not say how it cuts its text. Here one stretch of text is cut into windows that do
not overlap, and every token of it is predicted from what precedes it in its window, so each length
predicts the same tokens. The standard error is that of the mean over windows.
"""

import argparse
import math
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reference_model.checkpoint import checkpoint_path, load_model
from reference_model.data import TokenData
from reference_model.data.corpus import read_corpus
from reference_model.data.tokens import Tokens, tokenizer_from_json
from reference_model.errors import UsageError
from reference_model.experiments.command import run_experiment, table
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.learning_rates import best_rates
from reference_model.experiments.runs import Run
from reference_model.experiments.speed_up import scheduled_runs
from reference_model.model import GPT, NGPT
from reference_model.progress import say
from reference_model.training.precision import resolve_precision
from reference_model.training.ranks import join_ranks

NAME = "longer_context"
FACTORS = (1, 2, 4, 8, 16)


def chosen_runs(laboratory: Laboratory) -> list[Run]:
    """Choose the runs of the longest budget that GPT and nGPT share, at every context and seed."""
    scale = laboratory.scale
    steps = max(set(scale.gpt_budgets) & set(scale.ngpt_budgets))
    runs = scheduled_runs(scale, best_rates(laboratory))
    return [run for run in runs if run.training.steps == steps]


def texts(data: TokenData, out_of_domain: list[Path], count: int) -> dict[str, Tokens]:
    """Take token ids of each text: held-out, and out-of-domain where there is one.

    Raises
    ------
    UsageError
        If a text is too short, or the out-of-domain one cannot be read or encoded.
    """
    found = {"held-out": data.validation}
    if out_of_domain:
        tokenizer = tokenizer_from_json(data.tokenizer_json)
        found["out-of-domain"] = tokenizer.encode(read_corpus(out_of_domain))
    for name, tokens in found.items():
        if len(tokens) <= count:
            msg = f"the {name} text has {len(tokens)} tokens, but {count} are evaluated; give more"
            raise UsageError(msg)
    return {name: tokens[: count + 1] for name, tokens in found.items()}


@torch.no_grad()
def window_losses(model: GPT | NGPT, tokens: Tokens, length: int, batch: int) -> list[float]:
    """Mean loss of each window of `length` tokens in nats per token, `batch` windows at a time."""
    device = next(model.parameters()).device
    mixed = resolve_precision("auto", device) == "bfloat16"
    ids = torch.from_numpy(tokens.astype(np.int64))
    count = (len(ids) - 1) // length
    inputs = ids[: count * length].view(count, length)
    targets = ids[1 : count * length + 1].view(count, length)
    losses: list[float] = []
    for x, y in zip(inputs.split(batch), targets.split(batch), strict=True):
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            logits = model(x.to(device))
        each = torch.nn.functional.cross_entropy(
            logits.float().transpose(1, 2), y.to(device), reduction="none"
        )
        losses += each.mean(1).tolist()
    return losses


def evaluate(
    laboratory: Laboratory, run: Run, stretches: dict[str, Tokens]
) -> list[dict[str, Any]]:
    """Rows of one run: every text at every length."""
    path = checkpoint_path(laboratory.folder(run), run.training.steps)
    with join_ranks(laboratory.device) as ranks:
        model = load_model(path, ranks.device).eval()
    rows = []
    for name, tokens in stretches.items():
        for factor in FACTORS:
            length = factor * run.model.context_length
            batch = max(1, laboratory.scale.tokens_per_step // length)
            losses = window_losses(model, tokens, length, batch)
            mean = statistics.fmean(losses)
            spread = statistics.stdev(losses) if len(losses) > 1 else math.nan
            rows.append(
                {
                    **run.identity,
                    "text": name,
                    "evaluated_length": length,
                    "loss": mean,
                    "standard_error": spread / math.sqrt(len(losses)),
                    "perplexity": math.exp(mean),
                }
            )
    return rows


def experiment(laboratory: Laboratory, args: argparse.Namespace) -> str:
    """Evaluate all runs, write what was found, and lay out perplexities."""
    stretches = texts(laboratory.data(), args.out_of_domain, laboratory.scale.evaluated_tokens)
    runs = chosen_runs(laboratory)
    laboratory.train(runs)
    rows = []
    for number, run in enumerate(runs, 1):
        say(f"[{number}/{len(runs)}] evaluating {run.name}")
        rows += evaluate(laboratory, run, stretches)
    out_of_domain = [path.name for path in args.out_of_domain]
    laboratory.keep(NAME, rows, runs, out_of_domain=out_of_domain)
    lines = [["", "seed", *(f"x{factor}" for factor in FACTORS)]]
    for run in runs:
        for name in stretches:
            of_run = [r for r in rows if r["run"] == run.name and r["text"] == name]
            first = f"{run.family}, context {run.model.context_length}, {name}"
            shown = [f"{row['perplexity']:.1f}" for row in of_run]
            lines.append([first, str(run.training.seed), *shown])
    return table(lines)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out-of-domain",
        nargs="+",
        default=[],
        type=Path,
        metavar="PATH",
        help="text unlike the training text, to evaluate on as well [none]",
    )


main = partial(run_experiment, experiment, NAME, __doc__, add_arguments=_add_arguments)

if __name__ == "__main__":
    sys.exit(main())
