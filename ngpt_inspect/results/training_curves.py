"""What training runs log, few enough points for a drawing and honest about the rest."""

from __future__ import annotations

from collections.abc import Iterator

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.schema.columns import IDENTITY, names, number, text, whole
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked
from ngpt_inspect.run_log import diverged

POINTS = 400
"""A quantity of a run that is logged more often is averaged over equal groups of lines."""
MEASURED = "validation_loss"
"""Kept as measured: read-outs are taken from it."""
QUANTITIES = {"train_loss": "train_loss", MEASURED: MEASURED}
QUANTITIES |= {"learning_rate": "rate", "gradient_norm": "gradient_norm"}
"""Quantity -> its column in ``training_steps``."""
PLACE = ("step", "tokens", "seconds")
ID = names(IDENTITY)
COLUMNS = (
    *IDENTITY,
    text("quantity", "what is followed", tuple(QUANTITIES)),
    number("step", "optimiser steps taken; of an average, the mean of its steps"),
    number("tokens", "training tokens seen, likewise"),
    number("seconds", "seconds of training so far, likewise", optional=True),
    number("value", "as logged, or the mean of consecutive logged values"),
    number("low", "smallest of them"),
    number("high", "largest of them"),
    whole("averaged", "how many logged values the mean is of; 1: as logged"),
)


def compute(steps: pd.DataFrame) -> pd.DataFrame:
    """Return at most `POINTS` rows a run and quantity, validation losses as measured.

    Each row is the mean of equally many consecutive values, with the smallest and the largest
    of them: no spike is lost.
    """
    remarks = [
        f"{run}: no finite loss at step {rows.loc[lost, 'step'].iloc[0]}: diverged."
        for run, rows in steps.groupby("run", sort=False)
        if (lost := diverged(rows)).any()
    ]
    table = stacked(COLUMNS, _curves(steps))
    table.attrs["remarks"] = remarks
    return table


def _curves(steps: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for _, run in steps.groupby(ID, sort=False):
        for quantity, column in QUANTITIES.items():
            found = run[run[column].notna()].sort_values("step", kind="stable")
            each = 1 if quantity == MEASURED else -(-len(found) // POINTS)
            yield _averaged(found, column, max(each, 1)).assign(quantity=quantity)


def _averaged(rows: pd.DataFrame, column: str, each: int) -> pd.DataFrame:
    """Return the mean of every so many rows; the last may be of fewer."""
    groups = rows.groupby(np.arange(len(rows)) // each)
    table: pd.DataFrame = groups.agg(
        **{name: (name, "first") for name in ID},
        **{name: (name, lambda values: values.mean(skipna=False)) for name in PLACE},
        value=(column, "mean"),
        low=(column, "min"),
        high=(column, "max"),
        averaged=(column, "size"),
    )
    return table


def smoothed(curves: pd.DataFrame, weight: float) -> pd.DataFrame:
    """Return curves with training losses in their exponential mean; nothing else changes.

    m_n = (w m_(n-1) + (1 - w) v_n) / (1 - w^n) of the rows of each run in turn, so that the first
    is as logged; w = 0 changes nothing. `low` and `high` stay those of the logged values.

    Parameters
    ----------
    curves
        The table ``training_curves``.
    weight
        w, from 0 up to but without 1.
    """
    if weight <= 0:
        return curves
    out = curves.copy()
    rough = out["quantity"] == "train_loss"
    mean = out[rough].groupby(ID, sort=False)["value"]
    out.loc[rough, "value"] = mean.transform(lambda v: v.ewm(alpha=1 - weight).mean())
    said = f"Training loss: exponential mean of weight {weight:g} over the points."
    out.attrs = curves.attrs | {"remarks": [said, *curves.attrs.get("remarks", [])]}
    return out


TABLE = Results(
    name="training_curves",
    summary="Losses, learning rate and gradient norm of runs, a few hundred rows each.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figure 1 (its curves)",
    of="training_steps",
    compute=compute,
)
