"""Tasks of the harness, and the rows that a model gets on them; imports the harness."""

import contextlib
import logging
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lm_eval.defaults import DEFAULT_OTHER_SEED
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from reference_model.errors import UsageError
from reference_model.evaluate.harness import ReferenceLM

RESAMPLINGS = 1000
"""Bootstrap samples behind the standard error of a perplexity; that of a mean needs none."""
ASKED = (
    *("dataset_path", "dataset_name", "output_type", "num_fewshot"),
    *("doc_to_text", "doc_to_target", "doc_to_choice", "target_delimiter", "generation_kwargs"),
)
Row = dict[str, Any]

logging.getLogger("lm_eval").setLevel(logging.WARNING)


def load_tasks(names: Sequence[str], folder: Path | None = None) -> dict[str, Any]:
    """Load tasks by name, with their documents.

    Parameters
    ----------
    names
        Of tasks, tags or groups: a group stands for the tasks in it.
    folder
        Of YAML files, instead of the tasks that the harness brings: nothing else is looked at,
        so that no network is needed where the files name local data.

    Raises
    ------
    UsageError
        If a task is unknown, or its documents cannot be had.
    """
    manager = TaskManager(include_path=folder, include_defaults=folder is None)
    found: dict[str, Any] = {}
    for name in names:
        try:
            found |= manager.load([name])["tasks"]
        except Exception as error:  # a hub, a cache, a YAML file: each raises types of its own
            there = f"{folder} has {', '.join(manager.all_tasks) or 'none'}"
            next_step = there if folder else "check name and network, or give --task-folder"
            msg = f"task {name!r} cannot be loaded ({_first_line(error)}); {next_step}"
            raise UsageError(msg) from error
    return found


def rows_of(
    model: ReferenceLM, tasks: dict[str, Any], *, shots: int | None = None, limit: int | None = None
) -> Iterator[Row]:
    """Yield one row a task and metric.

    Parameters
    ----------
    model
    tasks
        As `load_tasks` gives them.
    shots
        Solved examples before each question; None: as many as the task says. A task that says 0
        has none.
    limit
        Documents of each task, the first ones; None: all.
    """
    os.environ.setdefault("DISABLE_MULTIPROC", "1")  # a pool of processes takes longer to start
    for task in tasks.values():
        _set_shots(task, shots)
    with contextlib.redirect_stdout(sys.stderr):  # the harness talks
        told = evaluate(
            model,
            {"tasks": tasks, "groups": {}},
            limit=limit,
            bootstrap_iters=RESAMPLINGS,
            log_samples=False,
        )
    for name, task in tasks.items():
        for key, value in told["results"][name].items():
            metric, _, rest = key.partition(",")
            if not rest or metric.endswith("_stderr"):
                continue
            error = told["results"][name].get(f"{metric}_stderr,{rest}")
            yield {
                "task": name,
                "metric": metric if rest == "none" else key,
                "shots": told["n-shot"][name],
                "documents": told["n-samples"][name]["effective"],
                "value": float(value),
                "standard_error": error if isinstance(error, float) else None,
                "chance": _chance(task) if metric in ("acc", "acc_norm") else None,
            }


def _set_shots(task: Any, shots: int | None) -> None:
    """Set how many examples are shown, and which: as the harness's own command line does it."""
    said = task.get_config("num_fewshot")
    if said is None or (shots is not None and said != 0):  # 0 is a task that is never shown any
        task.set_config("num_fewshot", shots or 0)
    task.set_fewshot_seed(DEFAULT_OTHER_SEED)


def settings_of(task: Any) -> Row:
    """Return what a task asks, and how: not where its documents lie."""
    told = task.dump_config()
    version = (told.get("metadata") or {}).get("version")
    return {"version": version} | {name: told.get(name) for name in ASKED}


def _chance(task: Any) -> float | None:
    """Return the accuracy of who picks at random: the mean of 1 / choices over documents.

    0 where a text has to be said: to hit n tokens of V by chance is V^-n.
    """
    if task.OUTPUT_TYPE == "loglikelihood":
        return 0.0
    if task.OUTPUT_TYPE != "multiple_choice":
        return None
    documents = {each.doc_id: each.doc for each in task.instances}
    shares = [1 / len(task.doc_to_choice(document)) for document in documents.values()]
    return math.fsum(shares) / len(shares)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
