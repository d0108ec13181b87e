"""Means over runs that differ in their seed, and how far the runs lie apart."""

from __future__ import annotations

from collections.abc import Sequence

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.schema.columns import DIVERGED, RUNS, number

OF_LOSS = (
    RUNS,
    DIVERGED,
    number("validation_loss", "mean over seeds", optional=True),
    number("low", "smallest of the seeds", optional=True),
    number("high", "largest of the seeds", optional=True),
    number("deviation", "standard deviation (n - 1); empty for one seed", optional=True),
)
"""What `over_seeds` says of final losses."""


def over_seeds(runs: pd.DataFrame, by: Sequence[str], value: str, **beside: str) -> pd.DataFrame:
    """Return mean, low, high, deviation, runs and diverged of a value for each setting.

    `beside` names further columns, each with what is taken of it: ``standard_error="mean"``.
    """
    counted = runs.assign(diverged=runs[value].isna())
    spread = {"low": "min", "high": "max", "deviation": "std", "runs": "count"}
    found: pd.DataFrame = counted.groupby(list(by), sort=True, dropna=False).agg(
        **{value: (value, "mean")},
        **{name: (value, how) for name, how in spread.items()},
        diverged=("diverged", "sum"),
        **{name: (name, how) for name, how in beside.items()},
    )
    return found.reset_index()
