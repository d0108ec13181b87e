"""Loss curves side by side, and the speed-up read off them (Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.compare.pairing import pairs
from ngpt_inspect.results.compare.reaching import (
    FACTORS,
    geometric_mean,
    mean_factor,
    steps_to_reach,
)
from ngpt_inspect.results.compare.tuning import BUDGET, REPEATED, left_out, tuned
from ngpt_inspect.results.schema.columns import FACTOR, IDENTITY, RUNS, names, number, text
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked

VALIDATION, SPEED_UP, READ_OFF = "validation", "speed_up", "read_off"
COLUMNS = (
    text("row", "validation, speed_up or read_off", (VALIDATION, SPEED_UP, READ_OFF)),
    *IDENTITY,
    number("step", "steps of this run; where it reaches a loss in between, interpolated"),
    number("tokens", "training tokens then"),
    number("validation_loss", "measured; in the other rows the loss that both reach"),
    text("gpt_run", "the GPT run it is compared with"),
    *FACTOR,
    RUNS,
)
ID = names(IDENTITY)


def compute(losses: pd.DataFrame) -> pd.DataFrame:
    """Return the validations and, of each nGPT run, its speed-up over a GPT run by loss.

    The GPT run is the one of the longest budget. Each curve is taken at its running minimum,
    between validations as in `steps_to_reach`.

    - ``validation``: the rows of `losses`, at the learning rate each budget is judged by.
    - ``speed_up``: one row for each loss level of either curve that both reach.
    - ``read_off``: over the seeds of a setting, at nGPT's lowest loss (a lower bound where GPT
      never gets there), and then also at the lowest loss that both reach.
    """
    shown = _judged(losses)
    finite = shown[shown["validation_loss"].notna() & (shown["step"] >= 1)]
    curves = {run: _curve(rows) for run, rows in finite.groupby(ID, sort=False)}
    remarks = left_out(losses)
    found = [
        row
        for mine, theirs in pairs(finite[ID].drop_duplicates(), remarks)
        for run in mine.itertuples(index=False, name=None)
        for row in _compared(curves, run, theirs)
    ]
    pieces = [_validations(shown), pd.DataFrame(found), pd.DataFrame(_read_offs(found))]
    table = stacked(COLUMNS, pieces)
    table.attrs["remarks"] = remarks
    return table


def _judged(losses: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the runs at the learning rate their budget is judged by."""
    last = losses.sort_values("step", kind="stable").drop_duplicates(ID, keep="last")
    kept = tuned(last.drop_duplicates(REPEATED))[ID]
    return losses.merge(kept, on=ID).drop_duplicates([*ID, "step"], ignore_index=True)


def _validations(shown: pd.DataFrame) -> pd.DataFrame:
    told = shown[shown["validation_loss"].notna()].drop(columns="seconds")
    nothing = dict.fromkeys(FACTORS, np.nan)
    return told.assign(row=VALIDATION, gpt_run="", bound="", runs=1, **nothing)


def _compared(
    curves: dict[Any, tuple[Any, Any]], ngpt: tuple[Any, ...], others: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    gpt = tuple(others.sort_values("steps", kind="stable").iloc[-1])
    mine, theirs = (curves[run] for run in (ngpt, gpt))
    lowest = [float(curve[1].min()) for curve in (mine, theirs)]
    levels = np.unique(np.concatenate([np.minimum.accumulate(loss) for _, loss in (mine, theirs)]))
    levels = levels[levels >= lowest[0]][::-1]  # what nGPT never reaches says nothing of it
    own, other = (steps_to_reach(*curve, levels) for curve in (mine, theirs))
    identity = dict(zip(ID, ngpt, strict=True))
    per_step = identity["batch_size"] * identity["context_length"]
    batches = dict(zip(ID, gpt, strict=True))["batch_size"] / identity["batch_size"]
    for at, level in enumerate(levels):
        last = bool(level == lowest[0])
        both = own.bound[at] == "" and other.bound[at] == ""
        if not both and not last:
            continue
        factor = other.steps[at] / own.steps[at]
        yield identity | {
            "row": SPEED_UP,
            "step": own.steps[at],
            "tokens": own.steps[at] * per_step,
            "validation_loss": level,
            "gpt_run": gpt[0],
            "gpt_steps": other.steps[at],
            "speed_up": factor,
            "speed_up_tokens": factor * batches,
            "bound": str(other.bound[at]),
            "runs": 1,
        }


def _curve(rows: pd.DataFrame) -> tuple[Any, Any]:
    rising = rows.sort_values("step", kind="stable")
    return rising["step"].to_numpy(float), rising["validation_loss"].to_numpy(float)


def _read_offs(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, for each setting, the last row of its seeds, and the last that is exact."""
    settings: dict[tuple[Any, ...], dict[Any, list[dict[str, Any]]]] = {}
    for row in found:
        key = tuple(row[name] for name in [*BUDGET, "learning_rate"])
        settings.setdefault(key, {}).setdefault(row["run"], []).append(row)
    out = []
    for runs in settings.values():
        last = [rows[-1] for rows in runs.values()]
        out.append(_mean(last))
        exact = [[row for row in rows if row["bound"] == ""] for rows in runs.values()]
        if out[-1]["bound"] and all(exact):
            out.append(_mean([rows[-1] for rows in exact]))
    return out


def _mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    means = {name: geometric_mean([row[name] for row in rows]) for name in ("step", "tokens")}
    loss = float(np.mean([row["validation_loss"] for row in rows]))
    said = {"row": READ_OFF, "runs": len(rows), "validation_loss": loss}
    return rows[0] | means | mean_factor(rows) | said


TABLE = Results(
    name="loss_curves",
    summary="Validations, and the speed-up of nGPT as a function of the loss.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figure 1",
    of="losses",
    compute=compute,
)
