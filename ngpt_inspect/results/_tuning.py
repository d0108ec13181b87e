"""Final losses of runs, and which learning rate of a setting is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.results._columns import IDENTITY, RATE, SETTING, names

if TYPE_CHECKING:
    import pandas as pd

BUDGET = [name for name in names(SETTING) if name != RATE.name]
"""A setting but for its learning rate: what is tuned for each."""
REPEATED = [*names(SETTING), "seed"]
"""All that tells runs apart but their names: a second run of the same is no further seed."""


def final_rows(losses: pd.DataFrame) -> pd.DataFrame:
    """Return the last row of each run that reached its budget; one a setting and seed."""
    ended = losses[losses["step"] == losses["steps"]]
    return ended.drop_duplicates(REPEATED, ignore_index=True)


def left_out(losses: pd.DataFrame) -> list[str]:
    """Return a remark for each run that ended short, or not like the run it repeats."""
    last = losses.sort_values("step", kind="stable").drop_duplicates(names(IDENTITY), keep="last")
    short = last[last["step"] < last["steps"]]
    compared = last.merge(final_rows(losses), on=REPEATED, suffixes=("", "_kept"))
    other = compared["validation_loss"].fillna(0) != compared["validation_loss_kept"].fillna(0)
    twice = compared[other & (compared["run"] != compared["run_kept"])]
    return [
        f"{run} is at step {step} of {steps}: not among the final losses."
        for run, step, steps in zip(short["run"], short["step"], short["steps"], strict=True)
    ] + [
        f"{run} repeats setting and seed of {kept} with another loss: not counted."
        for run, kept in zip(twice["run"], twice["run_kept"], strict=True)
    ]


def tuned(finals: pd.DataFrame) -> pd.DataFrame:
    """Return the runs at the learning rate each budget is judged by.

    Of the learning rates a budget was run with, those with the most seeds; among them the
    lowest mean final loss (a diverged run counts as infinite). So a grid swept with one seed
    does not mix with the runs that repeat its best point with several.
    """
    import numpy as np

    if finals.empty:
        return finals
    losses = finals.assign(_loss=finals["validation_loss"].fillna(np.inf))
    rates = losses.groupby([*BUDGET, RATE.name], sort=False, dropna=False).agg(
        _seeds=("seed", "nunique"), _mean=("_loss", "mean")
    )
    best = (
        rates.reset_index()
        .sort_values(["_seeds", "_mean", RATE.name], ascending=[False, True, True], kind="stable")
        .drop_duplicates(BUDGET)[[*BUDGET, RATE.name]]
    )
    return finals.merge(best, on=[*BUDGET, RATE.name], how="inner")
