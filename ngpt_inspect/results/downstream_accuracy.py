"""Accuracy on downstream tasks and their average, over seeds (Figures 3, 8 and 9)."""

from __future__ import annotations

import math

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.compare.spread import over_seeds
from ngpt_inspect.results.downstream_tasks import METRIC, SHOTS, TASK
from ngpt_inspect.results.schema.columns import IDENTITY, RUNS, SETTING, STEP, TOKENS, names, number
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked

ACCURACIES = ("acc", "acc_norm")
AVERAGE = "average"
"""What takes the place of a task in the rows of the mean over all tasks."""
BY = (*SETTING, STEP, TOKENS, TASK, METRIC, SHOTS)
COLUMNS = (
    *BY,
    RUNS,
    number("accuracy", "share of right answers, mean over seeds"),
    number("low", "smallest of the seeds"),
    number("high", "largest of the seeds"),
    number("standard_error", "of a seed's accuracy over documents; mean over seeds", optional=True),
    number("chance", "of who picks at random", optional=True),
)


CHECKPOINT = names((*IDENTITY, STEP, TOKENS, METRIC, SHOTS))


def compute(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a setting, step, task and accuracy, and such rows of the mean over tasks.

    A mean is taken of the checkpoints that were evaluated on all tasks of the table that have
    this accuracy and number of shots, where there are several. Its standard error is that of a
    mean of independent numbers, its chance the mean of theirs.
    """
    told = rows[rows["metric"].isin(ACCURACIES) & rows["value"].notna()]
    told = told.rename(columns={"value": "accuracy"})
    if told.empty:
        return stacked(COLUMNS, [])
    averages, remarks = _averages(told)
    found = pd.concat([told, averages], ignore_index=True) if len(averages) else told
    table = over_seeds(found, names(BY), "accuracy", standard_error="mean", chance="mean")
    out = stacked(COLUMNS, [table])
    out.attrs["remarks"] = remarks
    return out


def _averages(told: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the mean over tasks of each checkpoint that has them all, and who has not."""
    mean = told.groupby(CHECKPOINT, sort=False, dropna=False).agg(
        tasks=("task", "nunique"),
        accuracy=("accuracy", "mean"),
        standard_error=("standard_error", lambda e: math.sqrt((e**2).sum(skipna=False)) / len(e)),
        chance=("chance", lambda values: values.mean(skipna=False)),
    )
    mean = mean.reset_index().assign(task=AVERAGE)
    all_tasks = told.groupby(["metric", "shots"])["task"].nunique().rename("of").reset_index()
    mean = mean.merge(all_tasks, on=["metric", "shots"])
    missing = mean[mean["tasks"] < mean["of"]]
    remarks = [
        f"{row['run']} at step {row['step']}: {row['metric']} of {row['tasks']} of {row['of']} "
        "tasks, no average."
        for row in missing.to_dict("records")
    ]
    return mean[(mean["tasks"] == mean["of"]) & (mean["of"] > 1)], remarks


TABLE = Results(
    name="downstream_accuracy",
    summary="One row a setting, step, task (or their average) and accuracy, over seeds.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figures 3, 8 and 9",
    of="downstream_tasks",
    compute=compute,
)
