"""The cells of a printed table: each one number, a statistic of all rows that fall in it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ngpt_inspect.tables.rows import Entry, column_in, rows_in
from ngpt_inspect.tables.statistics import SCALARS
from ngpt_inspect.tables.summaries import PLACE, trust
from ngpt_inspect.vocabulary import Series, Status

TYPICAL = "median"
"""The statistic of several rows where the measure names none."""
DIMENSIONS = {"head": "heads", "expert": "experts", "tensor": "tensors", "index": "values"}
"""Column -> what a cell is over, where the rows in it differ in that column."""
VARYING = ("head", "index", "partner", "value", "status", "reason")
"""Columns that can differ between the rows of one entry."""

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


def cells_of(entries: Sequence[Entry], shown: Series, place: Sequence[str]) -> Cells:
    """Return one quantity of a tidy table as cells.

    A cell holds all rows of its place: no order of rows, experts or heads can change it. Heads
    count where a matrix has them, else the whole matrix; a place where nothing was measured has
    no cell.

    Parameters
    ----------
    entries
        Of one checkpoint, as `measured` returns them; or the `records` of a table.
    shown
        What the cells have. A statistic that the table has no rows of is taken of the single
        values; where it has, or where none is named, several rows become their median.
    place
        The columns that tell cells apart.
    """
    found, statistic = _parts(entries, shown), TYPICAL
    if not found and shown.statistic is not None:
        found, statistic = _parts(entries, Series(shown.measure)), shown.statistic
    rows = [row for each in found for row in _placed(each, place)]
    cells: dict[Place, list[Entry]] = {}
    for row in rows:
        cells.setdefault(tuple(row[name] for name in place), []).append(row)
    by_place = {
        key: Cell(
            value=SCALARS[statistic](_joined(cell, "value").astype(float)),
            status=trust(_joined(cell, "status"))[0],
        )
        for key, cell in cells.items()
    }
    several = len(by_place) < sum(map(rows_in, rows))
    named = statistic == shown.statistic or not several
    name = shown if named else Series(str(shown), statistic)
    return Cells(name=name, over=_over(cells.values()) if several else (), by_place=by_place)


def _parts(entries: Iterable[Entry], series: Series) -> list[Entry]:
    """Return what was measured of a quantity, of heads where a weight has them: as `parts`."""
    mine = [each for each in entries if (each["measure"], each["statistic"]) == series]
    found = [_where(each, column_in(each, "status") != Status.SKIPPED) for each in mine]
    of_heads = [column_in(each, "head") != None for each in found]  # noqa: E711 - of each
    headed = {_weight(e) for e, heads in zip(found, of_heads, strict=True) if heads.any()}
    kept = (
        _where(each, heads) if _weight(each) in headed else each
        for each, heads in zip(found, of_heads, strict=True)
    )
    return [each for each in kept if rows_in(each)]


def _weight(entry: Entry) -> Place:
    return tuple(entry[name] for name in PLACE)


def _where(entry: Entry, wanted: np.ndarray | slice) -> Entry:
    """Return some of the rows of an entry."""
    return {**entry, **{name: column_in(entry, name)[wanted] for name in VARYING}}


def _placed(entry: Entry, place: Sequence[str]) -> Iterator[Entry]:
    """Yield an entry, cut into rows where its place varies."""
    varying = [name for name in place if name in VARYING]
    if not varying:
        yield entry
        return
    for n in range(rows_in(entry)):
        row = _where(entry, slice(n, n + 1))
        yield {**row, **{name: row[name].item() for name in varying}}


def _joined(cell: Iterable[Entry], name: str) -> np.ndarray:
    return np.concatenate([column_in(row, name) for row in cell])


def _over(cells: Iterable[Sequence[Entry]]) -> tuple[str, ...]:
    """Say in what the rows of any one cell differ; an expert is a tensor too, and said once."""
    varying = [
        name
        for name in DIMENSIONS
        if any(len(set(_joined(cell, name).tolist())) > 1 for cell in cells)
    ]
    said = [name for name in varying if name != "tensor" or "expert" not in varying]
    return tuple(DIMENSIONS[name] for name in said)
