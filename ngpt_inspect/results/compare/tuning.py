"""Final losses of runs, and which learning rate of a setting is compared."""

from __future__ import annotations

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.schema.columns import IDENTITY, RATE, SETTING, names

BUDGET = [name for name in names(SETTING) if name != RATE.name]
"""A setting but for its learning rate: what is tuned for each."""
REPEATED = [*names(SETTING), "seed"]
"""All that tells runs apart but their names: a second run of the same is no further seed."""


def final_rows(losses: pd.DataFrame) -> pd.DataFrame:
    """Return the last row of each run that has ended, one a setting and seed.

    A run ends with its budget, or where it diverges: with a row that has no loss.
    """
    ended = (losses["step"] == losses["steps"]) | losses["validation_loss"].isna()
    return losses[ended].drop_duplicates(REPEATED, ignore_index=True)


def left_out(losses: pd.DataFrame) -> list[str]:
    """Return remarks on runs that have not ended, and on those unlike the run they repeat."""
    last = losses.sort_values("step", kind="stable").drop_duplicates(names(IDENTITY), keep="last")
    short = last[(last["step"] < last["steps"]) & last["validation_loss"].notna()]
    compared = last.merge(final_rows(losses), on=REPEATED, suffixes=("", "_kept"))
    other = compared["validation_loss"].fillna(0) != compared["validation_loss_kept"].fillna(0)
    twice = compared[other & (compared["run"] != compared["run_kept"])]
    remarks = []
    if len(short):
        run, step, steps = short[["run", "step", "steps"]].iloc[0]
        what = "1 run has" if len(short) == 1 else f"{len(short)} runs have"
        remarks.append(f"{what} not ended and no final loss: {run} is at step {step} of {steps}.")
    if len(twice):
        run, kept = twice[["run", "run_kept"]].iloc[0]
        what = "1 run repeats" if len(twice) == 1 else f"{len(twice)} runs repeat"
        remarks.append(f"{what} another with another loss, not counted: {run} repeats {kept}.")
    return remarks


def tuned(finals: pd.DataFrame) -> pd.DataFrame:
    """Return the runs at the learning rate each budget is judged by.

    Of the learning rates a budget was run with, those with the most seeds; among them the
    lowest mean final loss (a diverged run counts as infinite). So a grid swept with one seed
    does not mix with the runs that repeat its best point with several.
    """
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
