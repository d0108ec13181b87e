"""What it took each run to reach one loss, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures.canvas.text import factor, short
from ngpt_inspect.wording import duration

if TYPE_CHECKING:
    import pandas as pd

SIGNS = {"": "", "lower": "at least ", "upper": "at most ", "mixed": ""}
AMOUNTS = {"": "", "lower": "more than ", "upper": "within ", "mixed": ""}
NOT_YET, AT_ONCE = "not reached yet", "below it from the first validation on"
REACHED = {"": "reached", "lower": NOT_YET, "upper": AT_ONCE, "mixed": "no validation yet"}
COLUMNS = ("run", "the loss is", "steps", "tokens", "time", "compared with", "in steps", "in time")


def in_words(reached: pd.DataFrame) -> pd.DataFrame:
    """Return the table of `reached_at` as people say it, one row a run, bounds in words."""
    import pandas as pd

    return pd.DataFrame([_row(row) for row in reached.to_dict("records")], columns=list(COLUMNS))


def factors(reached: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield of each comparison who is compared, and the factor in steps, bounds in words."""
    for row in reached.to_dict("records"):
        if row["compared_with"]:
            yield f"{row['run']} against {row['compared_with']}", _factor(row, "speed_up")


def _row(row: dict[Any, Any]) -> tuple[str, ...]:
    bound = AMOUNTS[row["bound"]]
    return (
        row["run"],
        REACHED[row["bound"]],
        _amount(bound, row["step"], lambda steps: f"{steps:,.0f}"),
        _amount(bound, row["tokens"], short),
        _amount(bound, row["seconds"], duration),
        row["compared_with"] or "–",
        _factor(row, "speed_up"),
        _factor(row, "speed_up_seconds"),
    )


def _amount(bound: str, value: float, say: Any) -> str:
    return "–" if math.isnan(value) else f"{bound}{say(value)}"


def _factor(row: dict[Any, Any], name: str) -> str:
    if math.isnan(row[name]):
        return "–" if not row["compared_with"] else "cannot be said"
    return f"{SIGNS[row['factor_bound']]}{factor(row[name])}"
