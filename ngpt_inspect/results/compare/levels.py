"""What each run took to reach one loss, and how much longer another one took."""

from __future__ import annotations

from typing import Any

import numpy as np

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.compare.pairing import pairs
from ngpt_inspect.results.compare.reaching import (
    LOWER,
    MIXED,
    UPPER,
    combined_bound,
    steps_to_reach,
)
from ngpt_inspect.results.schema.columns import IDENTITY, names, number, text
from ngpt_inspect.results.schema.frames import stacked

BOUNDS = ("", LOWER, UPPER, MIXED)
INVERSE = {"": "", LOWER: UPPER, UPPER: LOWER, MIXED: MIXED}
"""The bound of 1/x, by the bound of x."""
ID = names(IDENTITY)
COUNTS = ("step", "tokens", "seconds")
FACTORS = ("speed_up", "speed_up_tokens", "speed_up_seconds")
COLUMNS = (
    *IDENTITY,
    number("validation_loss", "the loss asked for, nats per token"),
    number("step", "steps to that loss, interpolated", optional=True),
    number("tokens", "training tokens then", optional=True),
    number("seconds", "seconds of training then", optional=True),
    text("bound", '"lower": not reached, at least this; "upper": below it at first', BOUNDS),
    text("compared_with", "the run it is compared with; empty for none"),
    number("speed_up", "steps of that run over its own", optional=True),
    number("speed_up_tokens", "the same in training tokens", optional=True),
    number("speed_up_seconds", "the same in seconds of training", optional=True),
    text("factor_bound", '"lower": at least this factor; "upper": at most', BOUNDS),
)


def reached_at(losses: pd.DataFrame, loss: float) -> pd.DataFrame:
    """Return what each run took to reach a validation loss, one row a run.

    Steps as in `steps_to_reach`: on the running minimum, interpolated in log(steps), never
    extrapolated. Tokens are proportional to steps; seconds are linear in steps between
    validations. Each nGPT run is compared with the GPT run of the longest budget, chosen as for
    Figure 1; runs of one family with the slowest of them. ``attrs["remarks"]`` names what finds no
    partner.

    Parameters
    ----------
    losses
        The table ``losses`` of `training_results`.
    loss
        In nats per token.
    """
    runs = losses[ID].drop_duplicates(ignore_index=True)
    told = runs.to_dict("records")
    rows = [_reached(losses[losses["run"] == run["run"]], run, loss) for run in told]
    remarks: list[str] = []
    found = {row["run"]: row for row in rows}
    partners = _partners(runs, rows, remarks)
    for row in rows:
        row |= _compared(row, found.get(partners.get(row["run"], "")))
    table = stacked(COLUMNS, [pd.DataFrame(rows)])
    table.attrs["remarks"] = remarks
    return table


def loss_levels(losses: pd.DataFrame) -> tuple[float, float, float] | None:
    """Return the lowest loss of any run, the highest first loss, and the lowest that all reach.

    None where nothing is measured.
    """
    told = losses[losses["validation_loss"].notna()].sort_values("step", kind="stable")
    if told.empty:
        return None
    by_run = told.groupby("run")["validation_loss"]
    lowest = by_run.min()
    return float(lowest.min()), float(by_run.first().max()), float(lowest.max())


def _reached(rows: pd.DataFrame, run: dict[Any, Any], loss: float) -> dict[str, Any]:
    rising = rows[rows["validation_loss"].notna()].sort_values("step", kind="stable")
    reached = steps_to_reach(rising["step"], rising["validation_loss"], loss)
    step, bound = float(reached.steps[0]), str(reached.bound[0])
    known = len(rising) > 0
    seconds = np.interp(step, rising["step"], rising["seconds"]) if known else np.nan
    per_step = run["batch_size"] * run["context_length"]
    took = {"step": step, "tokens": step * per_step, "seconds": float(seconds)}
    return run | took | {"validation_loss": loss, "bound": bound}


def _partners(runs: pd.DataFrame, rows: list[dict[str, Any]], remarks: list[str]) -> dict[str, str]:
    """Return the run that each run is compared with."""
    there = runs["run"].tolist()
    if runs["family"].nunique() == 1:
        exact = [row for row in rows if row["bound"] == ""]
        slowest = max(exact, key=lambda row: float(row["step"]), default=None)
        return dict.fromkeys(there, slowest["run"]) if slowest and len(rows) > 1 else {}
    found: dict[str, str] = {}
    for mine, theirs in pairs(runs, remarks):
        longest = theirs.sort_values("steps", kind="stable")["run"].iloc[-1]
        found |= dict.fromkeys(mine["run"], longest)
    return found


def _compared(own: dict[str, Any], other: dict[str, Any] | None) -> dict[str, Any]:
    """Return the factors of a run over another, none where a bound would say nothing."""
    if other is None or other is own:
        nothing = dict.fromkeys(FACTORS, np.nan)
        return {"compared_with": "", "factor_bound": "", **nothing}
    bound = combined_bound([other["bound"], INVERSE[own["bound"]]])
    told = {
        factor: other[count] / own[count] if bound != MIXED and own[count] > 0 else np.nan
        for factor, count in zip(FACTORS, COUNTS, strict=True)
    }
    return {"compared_with": other["run"], "factor_bound": bound, **told}
