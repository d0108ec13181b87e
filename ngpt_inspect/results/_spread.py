"""Means over runs that differ in their seed, and how far the runs lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ngpt_inspect.results._columns import DIVERGED, RUNS, number

if TYPE_CHECKING:
    import pandas as pd

OF_LOSS = (
    RUNS,
    DIVERGED,
    number("validation_loss", "mean over seeds", optional=True),
    number("low", "smallest of the seeds", optional=True),
    number("high", "largest of the seeds", optional=True),
    number("deviation", "standard deviation (n - 1); empty for one seed", optional=True),
)
"""What `over_seeds` says of final losses."""


def over_seeds(runs: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """Return mean, low, high, deviation, runs and diverged of a value for each setting."""
    held = runs.groupby(list(by), sort=True, dropna=False)[value]
    found = held.agg(["mean", "min", "max", "std", "count", "size"]).reset_index()
    found["diverged"] = found["size"] - found["count"]
    names = {"mean": value, "min": "low", "max": "high", "std": "deviation", "count": "runs"}
    return found.drop(columns="size").rename(columns=names)
