"""Many values become few: the rows that figures, printed tables and the dashboard read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import MEASURES, Measure, Summary
from ngpt_inspect.table import Table
from ngpt_inspect.tables.rows import Entry, frame_of, records, tidy
from ngpt_inspect.tables.statistics import STATISTICS
from ngpt_inspect.vocabulary import Status

PLACE = ["checkpoint", "step", "architecture", "layer", "role", "expert", "tensor"]
"""What a summary is taken within."""
WIDER = [name for name in PLACE if name not in ("layer", "expert", "tensor")]
"""What a summary of pooled layers is taken within."""

Wanted = Mapping[str, Sequence[Summary]]
"""Quantity -> its summaries."""


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the summary rows of its measures appended.

    Which quantities have which summaries is declared by the measures; `docs/table.md` lists
    the statistics. Skipped values are left out, and the summary says so; infinite condition
    numbers count as what they are.

    Raises
    ------
    WrongOption
        It is no such table.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> table = ni.summarise(ni.measure("runs/gpt", "condition_numbers", roles="W_q"))
    >>> medians = table[(table["measure"] == "condition_number") & (table["statistic"] == "median")]
    >>> medians["value"].round(3).tolist()  # of each layer, then over both
    [3.5, 13.5, 8.5]
    """
    from ngpt_inspect.tables.printing import TidyTable

    table = tidy(table)
    each, pooled = summaries_of(MEASURES.values())
    bare = Table.of(table).rows
    rows = bare[bare["measure"].isin([*each, *pooled]) & bare["statistic"].isna()]
    summary = frame_of([*_summaries(rows, each, pooled), *_pooled(rows, pooled)])
    out = TidyTable(pd.concat([bare, summary.astype(bare.dtypes.to_dict())], ignore_index=True))
    out.attrs = dict(table.attrs)
    return out


def summaries_of(measures: Iterable[Measure]) -> tuple[Wanted, Wanted]:
    """Return the summaries of each weight, and those over the layers and experts of a role."""
    each: dict[str, Sequence[Summary]] = {}
    pooled: dict[str, Sequence[Summary]] = {}
    for measure in measures:
        each |= measure.summaries
        pooled |= measure.pooled
    return each, pooled


def _summaries(rows: pd.DataFrame, each: Wanted, pooled: Wanted) -> Iterator[Entry]:
    """Yield the summaries of each weight; one outside the layers is all there is of its role."""
    for group in groups(rows, [*PLACE, "measure"]):
        quantity = group.place["measure"]
        kinds = [*each.get(quantity, ())]
        kinds += [*pooled.get(quantity, ())] if group.place["layer"] is None else []
        yield from _entries(group, dict.fromkeys(kinds))


def _pooled(rows: pd.DataFrame, pooled: Wanted) -> Iterator[Entry]:
    """Yield the summaries over the layers (and experts) of each role."""
    layered = rows[rows["measure"].isin(list(pooled)) & rows["layer"].notna()]
    for group in groups(layered, [*WIDER, "measure"]):
        group.place.update(dict.fromkeys(set(PLACE) - set(WIDER)))
        yield from _entries(group, pooled[group.place["measure"]])


def parts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that count as parts of one another: the heads of a matrix, else the whole.

    Where a matrix has heads, the whole matrix is another quantity (a thousandfold so, for a
    square W_q): summaries and thresholds never mix the two. Skipped rows are left out.
    """
    measured = rows[rows["status"] != Status.SKIPPED]
    n_heads = measured.groupby([*PLACE, "measure"], dropna=False)["head"].transform("count")
    return measured[measured["head"].notna() | (n_heads == 0)]


@dataclass(frozen=True)
class RowGroup:
    """The rows that share a place."""

    place: dict[str, Any]
    """Their common columns."""
    values: np.ndarray
    status: np.ndarray
    of_head: np.ndarray
    """Which rows belong to a head."""

    def counted(self) -> np.ndarray:
        """Return which rows a summary is over, as `parts`."""
        measured: np.ndarray = self.status != Status.SKIPPED
        return measured & self.of_head if (measured & self.of_head).any() else measured


def groups(rows: pd.DataFrame, keys: list[str]) -> Iterator[RowGroup]:
    """Cut rows into groups. Columns are taken as arrays once: a table can have thousands."""
    if rows.empty:
        return
    group = rows.groupby(keys, dropna=False, sort=False).ngroup().to_numpy()
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(group[order], prepend=-1))
    places = records(rows[keys].iloc[order[bounds]])
    columns = (
        rows["value"].to_numpy(dtype=float)[order],
        rows["status"].to_numpy(dtype=object)[order],
        rows["head"].notna().to_numpy()[order],
    )
    pieces = zip(*(np.split(column, bounds[1:]) for column in columns), strict=True)
    for found, (values, status, of_head) in zip(places, pieces, strict=True):
        yield RowGroup(found, values, status, of_head)


def _entries(group: RowGroup, kinds: Iterable[Summary]) -> Iterator[Entry]:
    """Yield the summaries of one group, as `frame_of` takes them."""
    counted = group.counted()
    if not counted.any():
        return
    n_skipped = int((group.status == Status.SKIPPED).sum())
    status, reason = trust(group.status[counted], n_skipped)
    for kind in kinds:
        for statistic, value in STATISTICS[kind](group.values[counted]):
            yield group.place | {
                "statistic": statistic,
                "value": value,
                "index": np.arange(np.size(value)) if np.ndim(value) else None,
                "head": None,
                "partner": None,
                "status": status,
                "reason": reason,
            }


def trust(counted: np.ndarray, n_skipped: int = 0) -> tuple[Status, str]:
    """Return the status of a summary, and how many of its values are not `ok`.

    Parameters
    ----------
    counted
        Statuses of the values it is over.
    n_skipped
        How many more could not be measured.
    """
    counts = Counter(str(each) for each in counted if each != Status.OK)
    notes = [f"{count} of {len(counted)} {each}" for each, count in counts.most_common()]
    notes += [f"{n_skipped} skipped"] if n_skipped else []
    shared = [each for each, count in counts.items() if count == len(counted)]
    return Status(shared[0]) if shared else Status.OK, ", ".join(notes)
