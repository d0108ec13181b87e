"""Gates for scripts: whether any value crosses a line."""

from __future__ import annotations

from collections.abc import Iterator

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import Measure
from ngpt_inspect.rules.judging import place_of
from ngpt_inspect.tables import parts
from ngpt_inspect.tables.rows import of_series, records
from ngpt_inspect.vocabulary import TIED, Status
from ngpt_inspect.wording import number


def crossings(
    table: pd.DataFrame, each: Measure, above: float | None, below: float | None
) -> Iterator[str]:
    """Yield one line for each headline value above or below its threshold.

    Heads count where a matrix has them, else the whole matrix. A weight that could not be
    measured cannot pass, so it yields a line too; a tied one is measured under its other name.
    """
    rows = parts(of_series(table, each.headline))
    high = rows["value"] > (float("inf") if above is None else above)
    if above is not None:
        high |= rows["value"] == float("inf")
    low = rows["value"] < (float("-inf") if below is None else below)
    for row in records(rows[high | low]):
        yield f"{row['checkpoint']} {place_of(row)}: {each.headline} {number(row['value'])}"
    tied = table["reason"] == TIED
    for row in records(table[(table["status"] == Status.SKIPPED) & ~tied]):
        yield f"{row['checkpoint']} {place_of(row)}: not measured: {row['reason']}"
