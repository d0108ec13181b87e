"""The command line: evaluates checkpoints, prints and writes what the harness says of them."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference_model.config import TrainConfig
from reference_model.errors import UsageError, WriteError
from reference_model.experiments.command import table
from reference_model.experiments.laboratory import machine, write_results
from reference_model.experiments.runs import Run
from reference_model.progress import say
from reference_model.trained import Trained, open_trained
from reference_model.training.ranks import join_ranks

if TYPE_CHECKING:
    from reference_model.evaluate.harness import ReferenceLM

HARNESS = "lm_eval"
MISSING = "evaluation needs lm-evaluation-harness; pip install 'ngpt-inspect[evaluate]'"
DESCRIPTION = """
Evaluate checkpoints on downstream tasks with lm-evaluation-harness (arXiv 2410.01131, Figures 3,
8 and 9), for example on the paper's tasks, whose documents come from the network:

  python -m reference_model.evaluate runs/demo/gpt runs/demo/ngpt \\
    --tasks arc_easy hellaswag winogrande wsc273 lambada_openai
"""
EPILOG = """
Computes in float32. A context that is too long loses its start, as the harness does it, which is
said. The output has one row a checkpoint, task and metric; beside it lie the settings as JSON. It
is written anew each time: give all checkpoints at once, or several files to what reads them.
Exit codes: 0 done, 2 wrong use or unusable files, 130 interrupted.
"""
Row = dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = _parser().parse_args(arguments)
    try:
        rows = _evaluate(args)
    except (UsageError, WriteError) as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("interrupted; nothing was written")
        return 130
    sys.stdout.write(f"{_laid_out(rows)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference_model.evaluate",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "checkpoints",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="folder of a run (its last step), or step-NNNNNN.safetensors",
    )
    add("--tasks", nargs="+", required=True, metavar="NAME", help="tasks of the harness, or groups")
    add(
        "--task-folder",
        type=Path,
        metavar="DIR",
        help="YAML files of tasks to use instead of the harness's own; no network is needed",
    )
    add("--shots", type=int, metavar="N", help="solved examples before a question [the task's]")
    add("--limit", type=int, metavar="N", help="documents of each task, the first ones [all]")
    add(
        "--max-length",
        type=int,
        metavar="N",
        help="tokens read at once [the context the model was trained with]",
    )
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N [auto]")
    add(
        "-o",
        "--output",
        type=Path,
        default=Path("results", "downstream_tasks.csv"),
        metavar="FILE",
        help="[results/downstream_tasks.csv]",
    )
    return parser


def _evaluate(args: argparse.Namespace) -> list[Row]:
    _check(args)
    from reference_model.evaluate.harness import ReferenceLM
    from reference_model.evaluate.tasks import load_tasks, rows_of, settings_of

    tasks = load_tasks(args.tasks, args.task_folder)
    rows, cuts = [], {}
    with join_ranks(args.device) as ranks:
        for path in args.checkpoints:
            trained = open_trained(path, device=ranks.device)
            identity = _identity(trained)
            name = _name(identity)
            if name in cuts:
                msg = f"{path}: there is another {name} already; rename the folder of one of them"
                raise UsageError(msg)
            model = ReferenceLM(trained, args.max_length)
            say(f"{name}: {', '.join(tasks)}")
            found = rows_of(model, tasks, shots=args.shots, limit=args.limit)
            rows += [identity | row for row in found]
            cuts[name] = _say_cut(name, model)
    _write(args, rows, cuts, {name: settings_of(task) for name, task in tasks.items()})
    return rows


def _check(args: argparse.Namespace) -> None:
    if find_spec(HARNESS) is None:
        raise UsageError(MISSING)
    if args.task_folder and not args.task_folder.is_dir():
        msg = f"--task-folder {args.task_folder}: not a folder; name one that holds YAML files"
        raise UsageError(msg)
    for name, least in (("shots", 0), ("limit", 1), ("max_length", 1)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise UsageError(f"--{name.replace('_', '-')} {value}: must be at least {least}")


def _identity(trained: Trained) -> Row:
    """Return the columns that say which checkpoint a row is of."""
    header, model = trained.header, trained.header.model_config()
    if not header.training:
        msg = f"{trained.path}: does not say how it was trained; train it anew to place its results"
        raise UsageError(msg)
    run = Run(
        model=model,
        training=TrainConfig.from_dict(header.training),
        size=f"d {model.d_model}, {model.n_layers} layers",
    )
    return run.identity | {"run": trained.name, "step": header.step, "tokens": header.tokens}


def _say_cut(name: str, model: "ReferenceLM") -> str:
    told = f"{model.cut} of {model.asked} requests"
    if model.cut:
        say(f"{name}: {told} are longer than {model.max_length} tokens: their start is not read")
    return f"{told} cut to {model.max_length} tokens"


def _write(
    args: argparse.Namespace, rows: Sequence[Row], cuts: dict[str, str], tasks: dict[str, Any]
) -> None:
    settings = {
        "harness": f"{HARNESS} {version(HARNESS)}",
        **machine(args.device),
        "limit": args.limit,
        "contexts": cuts,
        "tasks": tasks,
    }
    write_results(args.output, rows, settings)


def _laid_out(rows: Sequence[Row]) -> str:
    """Lay out one line a task and metric, one column a checkpoint."""
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        error = "" if row["standard_error"] is None else f" ± {row['standard_error']:.2g}"
        cells = lines.setdefault(f"{row['task']} {row['metric']}", {})
        cells[_name(row)] = f"{row['value']:.4g}{error}"
    heads = list(dict.fromkeys(map(_name, rows)))
    body = [[name, *(cells.get(head, "") for head in heads)] for name, cells in lines.items()]
    return table([["", *heads], *body])


def _name(row: Row) -> str:
    return f"{row['run']} @ {row['step']}"
