"""The losses of one training run, from its last checkpoint's settings and its metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.run_log import diverged, elapsed, read_metrics
from ngpt_inspect.runs import METRICS, log_of, step_files
from ngpt_inspect.weights import WeightSet

SAID = {
    "context_length": ("reference_model.config.context_length",),
    "batch_size": ("reference_model.training.batch_size", "trainer_state.train_batch_size"),
    "steps": ("reference_model.training.steps", "trainer_state.max_steps"),
    "learning_rate": ("reference_model.training.learning_rate",),
    "seed": ("reference_model.training.seed",),
}
"""Where a checkpoint says how it was trained."""
LARGEST = 2**53
"""No file says more of anything, and means it."""
UNSAID = {"context_length": 1, "batch_size": 1, "steps": 1, "learning_rate": 0.0, "seed": 0}
"""What is put where a trainer neither says nor logs it: tokens are then no more than steps."""


def losses_of_run(folder: Path) -> pd.DataFrame:
    """Return one row a validation of a run; remarks in ``attrs["remarks"]``.

    A run that diverges ends with a row without a loss, at the step where it does.

    Raises
    ------
    UnreadableFile
        As `steps_of_run`.
    """
    steps = steps_of_run(folder)
    lost = diverged(steps)
    table = steps[steps["validation_loss"].notna() | lost]
    table = table.assign(validation_loss=table["validation_loss"].mask(lost))
    table.attrs = steps.attrs
    return table


def steps_of_run(folder: Path) -> pd.DataFrame:
    """Return one row a step that a run has logged; remarks in ``attrs["remarks"]``.

    `seconds` adds up the time of the steps. Files that do not say how they were trained have
    their budget taken from their last step and their learning rate from its largest value; a
    remark says so.

    Raises
    ------
    UnreadableFile
        The metrics cannot be read, or neither they nor the checkpoint tell how it was trained.
    """
    metrics = read_metrics(folder).sort_values("step", kind="stable")
    saved = list(step_files(folder).values())
    remarks = []
    if "unfinished_line" in metrics.attrs:
        remarks.append(f"{folder.name}: the last line of its metrics is half-written, left out.")
    if not saved:
        remarks.append(f"{folder.name}: no checkpoint yet, so its family is that of its name.")
    identity, inferred = (
        _identity(open_checkpoint(saved[-1]), metrics, folder)
        if saved
        else (_before_any_checkpoint(metrics, folder), [])
    )
    if inferred:
        told = ", ".join(f"{key} {identity[key]:g}" for key in inferred)
        remarks.append(f"{folder.name}: its checkpoint does not say all; taken as {told}.")
    per_step = identity["batch_size"] * identity["context_length"]
    logged = ["step", "train_loss", "validation_loss", "gradient_norm"]
    table: pd.DataFrame = metrics[logged].assign(
        **identity,
        tokens=metrics["tokens"].fillna(metrics["step"] * per_step).astype("int64"),
        seconds=elapsed(metrics),
        rate=metrics["learning_rate"],
    )
    table.attrs = {"remarks": remarks}
    return table


def _identity(
    model: WeightSet, metrics: pd.DataFrame, folder: Path
) -> tuple[dict[str, Any], list[str]]:
    """Return the identity of a run, and which of it the checkpoint does not say."""
    said = {key: _number(model, places) for key, places in SAID.items()}
    if said["context_length"] is None and log_of(folder) == folder / METRICS:
        raise _untold("context_length", model)
    context = said["context_length"] or _tokens_a_step(metrics) / (said["batch_size"] or math.nan)
    elsewhere = {
        "context_length": context,
        "batch_size": _tokens_a_step(metrics) / (context or math.nan),
        "steps": metrics["step"].max(),
        "learning_rate": metrics["learning_rate"].max(),
        "seed": _number(model, ["reference_model.seed"]),
    }
    inferred = [key for key, value in said.items() if value is None]
    settings = said | {key: elsewhere[key] for key in inferred}
    if log_of(folder) != folder / METRICS:
        settings |= {k: v for k, v in UNSAID.items() if not _is_finite(settings[k])}
    for key, value in settings.items():
        if not _is_finite(value):
            raise _untold(key, model)
    return {
        "run": folder.name,
        "family": model.family,
        "size": f"d {model.shape.d_model}, {model.shape.n_layers} layers",
        "variant": "",
        "context_length": max(1, round(settings["context_length"])),
        "batch_size": max(1, round(settings["batch_size"])),
        "steps": int(settings["steps"]),
        "learning_rate": float(settings["learning_rate"]),
        "seed": int(settings["seed"]),
    }, inferred


def _before_any_checkpoint(metrics: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Return what stands in for the identity of a run that only its log tells of."""
    rate = float(metrics["learning_rate"].max()) if len(metrics) else math.nan
    return {
        "run": folder.name,
        "family": "nGPT" if "ngpt" in folder.name.lower() else "GPT",
        "size": "",
        "variant": "",
        **UNSAID,
        "steps": int(metrics["step"].max()) if len(metrics) else UNSAID["steps"],
        "learning_rate": rate if math.isfinite(rate) else UNSAID["learning_rate"],
    }


def _tokens_a_step(metrics: pd.DataFrame) -> float:
    return float((metrics["tokens"] / metrics["step"]).median())


def _is_finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _number(model: WeightSet, places: Sequence[str]) -> Any:
    """Return the first number that a checkpoint keeps at one of these places."""
    found = (model.contents.lookup(place) for place in places)
    numbers = (n for n in found if isinstance(n, int | float) and not isinstance(n, bool))
    return next((n for n in numbers if not abs(n) >= LARGEST), None)


def _untold(what: str, model: WeightSet) -> UnreadableFile:
    return UnreadableFile(
        f"does not say its {what}, and metrics.jsonl does not tell",
        where=model.contents.source,
        next_step="give the folder of a run of reference_model that has taken a step",
    )
