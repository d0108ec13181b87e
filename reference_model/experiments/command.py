"""What the command lines of all experiments share."""

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from reference_model.errors import OutOfTime, UsageError
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.scales import SCALES
from reference_model.progress import say
from reference_model.training.options import add_data

Experiment = Callable[[Laboratory, argparse.Namespace], str]
"""Does the work and returns what to print."""


def run_experiment(
    experiment: Experiment,
    name: str,
    description: str | None,
    arguments: list[str] | None = None,
    add_arguments: Callable[[argparse.ArgumentParser], None] | None = None,
) -> int:
    """Parse a command line, run one experiment, print its result; returns the exit code.

    0 done, or as far as time went, 2 wrong use or unusable files, 130 interrupted.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m reference_model.experiments.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scale", default="tiny", choices=tuple(SCALES), help="size [tiny]")
    add_data(parser)
    parser.add_argument("--runs", type=Path, metavar="DIR", help="[runs/experiments/SCALE]")
    parser.add_argument("--results", type=Path, metavar="DIR", help="[results/SCALE]")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs side by side [1]")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N [auto]")
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help="stop training after so long and report what has ended; the same command goes on",
    )
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    if add_arguments:
        add_arguments(parser)
    args = parser.parse_args(arguments)
    try:
        _check(args)
        laboratory = Laboratory(
            scale=SCALES[args.scale],
            corpus=tuple(args.data),
            runs=args.runs or Path("runs", "experiments", args.scale),
            results=args.results or Path("results", args.scale),
            device=args.device,
            compiled=args.compile,
            jobs=args.jobs,
            deadline=time.monotonic() + 60 * args.minutes if args.minutes else math.inf,
        )
        shown = experiment(laboratory, args)
    except (UsageError, OSError) as error:
        say(f"error: {error}")
        return 2
    except OutOfTime:
        return 0  # the laboratory has said so
    except KeyboardInterrupt:
        say("interrupted; the same command goes on where it stopped")
        return 130
    sys.stdout.write(shown + "\n")
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.jobs < 1:
        raise UsageError(f"--jobs {args.jobs}: at least one run at a time")
    if args.minutes is not None and not 0 < args.minutes < math.inf:
        raise UsageError(f"--minutes {args.minutes:g}: give a number above 0, or leave it out")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("an experiment trains each run in one process; start it without torchrun")


def table(rows: list[list[str]]) -> str:
    """Lay out rows of text in columns: the first to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
