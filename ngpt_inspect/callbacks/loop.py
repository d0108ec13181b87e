"""``ni.log(model, step)``: one line in a loop written by hand."""

import copy
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from ngpt_inspect.callbacks.following import step_back
from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.naming import several
from ngpt_inspect.places import Openable
from ngpt_inspect.rules.reading import rules_of
from ngpt_inspect.tables.asked import measures_named
from ngpt_inspect.trackers import destinations
from ngpt_inspect.watching import Intake, Ledger
from ngpt_inspect.weights import WeightSet

logger = logging.getLogger("ngpt_inspect")
_pools: dict[Path, tuple[ThreadPoolExecutor, Intake]] = {}
"""A thread and an intake for each table: what is logged to one table comes in order."""


def log(
    model: Openable,
    step: int,
    *,
    run: str = "run",
    table: Path | str = "run.ngpt-inspect.parquet",
    rules: Path | str | None = None,
    to: str | Sequence[str] = (),
    measures: str | Sequence[str] = (),
    **opening: Any,
) -> Future[str]:
    """Measure a model as it is now in a thread, and append it to a table; training goes on.

    What the calling thread does is copy the weights to the memory of the CPU.

    Parameters
    ----------
    model
        A module, a state dict, or a checkpoint's path.
    step
        The training step. A step that is logged again takes the place of what was logged.
    run
        Its name in the table and in trackers.
    table
        A Parquet file that grows.
    rules
        A rules file; by default the rules in force.
    to
        Trackers: ``tensorboard=logs``, ``wandb=project``, ...
    measures
        Measures beside those that the rules read.
    **opening
        As `open_checkpoint` takes: ``architecture``, ``heads``, ``spec``, ``constants``.

    Returns
    -------
    concurrent.futures.Future
        Its result is a line, what the rules say; an interpreter that ends waits for all of them.

    Raises
    ------
    InspectError
        The model cannot be read; no such rules, measure or tracker.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> line = ni.log("runs/ngpt", 200, run="trial", table="trial.parquet")
    >>> line.result()[:11]
    'trial @ 200'
    """
    path = Path(table).absolute()
    pool, intake = _pools.get(path) or (None, None)
    if pool is None or intake is None:
        pool = ThreadPoolExecutor(1, thread_name_prefix="ngpt-inspect", initializer=step_back)
        intake = Intake(ledger=Ledger(path), rules=rules_of(None), workers=1)
    wanted = replace(
        intake,
        rules=rules_of(rules),
        measures=[each.name for each in measures_named(measures)],
        destinations=destinations(several(to, what="a tracker")),
    )
    taken = _kept(open_checkpoint(model, label=run, **opening), run, step)
    _pools[path] = pool, intake
    return pool.submit(_taken, wanted, taken)


def _kept(checkpoint: WeightSet, run: str, step: int) -> WeightSet:
    """Return a checkpoint whose tensors no training step changes, named by run and step."""
    held = [t.held for t in checkpoint.contents.tensors.values() if hasattr(t, "held")]
    apart: dict[int, Any] = {id(tensor): tensor.to("cpu", copy=True) for tensor in held}
    still = copy.deepcopy(checkpoint, apart) if held else checkpoint
    contents = replace(still.contents, fingerprint=f"{run}@{step}")
    return replace(still, contents=contents, step=step)


def _taken(intake: Intake, model: WeightSet) -> str:
    for entry in intake.ledger.entries:
        if entry["fingerprint"] == model.contents.fingerprint:
            entry["measured"] = []  # logged again: measured again
    line = intake.take(model)
    logger.info("%s", line)
    for trouble in intake.log():
        logger.warning("%s", trouble)
    return line
