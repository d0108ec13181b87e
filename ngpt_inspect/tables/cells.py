"""The cells of a printed table: each one number, a statistic of all rows that fall in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngpt_inspect.tables.rows import of_series
from ngpt_inspect.tables.statistics import SCALARS
from ngpt_inspect.tables.summaries import groups, parts, trust
from ngpt_inspect.vocabulary import Series, Status

if TYPE_CHECKING:
    import pandas as pd

TYPICAL = "median"
"""The statistic of several rows where the measure names none."""
DIMENSIONS = {"head": "heads", "expert": "experts", "tensor": "tensors", "index": "values"}
"""Column -> what a cell is over, where the rows in it differ in that column."""

Place = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of a printed table."""

    value: float
    status: Status


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One quantity of a printed table, by its place there."""

    name: Series
    """With the statistic that was taken; without one no cell has more than one row."""
    over: tuple[str, ...]
    """What that statistic is over: values of `DIMENSIONS`."""
    by_place: dict[Place, Cell]


def cells_of(table: pd.DataFrame, shown: Series, place: Sequence[str]) -> Cells:
    """Return one quantity of a tidy table as cells.

    A cell holds all rows of its place: no order of rows, experts or heads can change it. Heads
    count where a matrix has them, else the whole matrix; a place where nothing was measured has
    no cell.

    Parameters
    ----------
    table
        Of one checkpoint, as `measure` returns it.
    shown
        What the cells have. A statistic that the table has no rows of is taken of the single
        values; where it has, or where none is named, several rows become their median.
    place
        The columns that tell cells apart.
    """
    rows, statistic = parts(of_series(table, shown)), TYPICAL
    if rows.empty and shown.statistic is not None:
        rows, statistic = parts(of_series(table, Series(shown.measure))), shown.statistic
    by_place = {
        tuple(group.place.values()): Cell(
            value=SCALARS[statistic](group.values), status=trust(group.status)[0]
        )
        for group in groups(rows, list(place))
    }
    several = len(by_place) < len(rows)
    named = statistic == shown.statistic or not several
    name = shown if named else Series(str(shown), statistic)
    return Cells(name=name, over=_over(rows, list(place)) if several else (), by_place=by_place)


def _over(rows: pd.DataFrame, place: list[str]) -> tuple[str, ...]:
    """Say in what the rows of any one cell differ; an expert is a tensor too, and said once."""
    cells = rows.groupby(place, dropna=False, sort=False)
    varying = [name for name in DIMENSIONS if (cells[name].nunique(dropna=False) > 1).any()]
    said = [name for name in varying if name != "tensor" or "expert" not in varying]
    return tuple(DIMENSIONS[name] for name in said)
