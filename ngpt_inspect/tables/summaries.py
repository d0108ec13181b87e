"""Many values become few: the rows that figures, printed tables and the dashboard read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngpt_inspect.measures import MEASURES, Summary
from ngpt_inspect.tables.rows import Entry, frame_of, records
from ngpt_inspect.tables.statistics import STATISTICS
from ngpt_inspect.vocabulary import Status

if TYPE_CHECKING:
    import pandas as pd

PLACE = ["checkpoint", "step", "architecture", "layer", "role", "expert"]
"""What a summary is taken within."""
WIDER = [name for name in PLACE if name not in ("layer", "expert")]
"""What a summary of pooled layers is taken within."""

Wanted = Mapping[str, tuple[Summary, ...]]
"""Quantity -> its summaries."""


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the summary rows of its measures appended.

    Which quantities have which summaries is declared by the measures; `docs/table.md` lists
    the suffixes. Skipped values are left out, and the summary says so; infinite condition
    numbers count as what they are.
    """
    import pandas as pd

    wanted = {quantity: kinds for m in MEASURES.values() for quantity, kinds in m.summaries.items()}
    rows = table[table["measure"].isin(list(wanted))]
    rows.attrs = {}  # pandas copies them deeply with every selection
    summary = frame_of([*_summaries(rows, wanted), *_pooled(rows, wanted)])
    out = pd.concat([table, summary.astype(table.dtypes.to_dict())], ignore_index=True)
    out.attrs = dict(table.attrs)
    return out


def _summaries(rows: pd.DataFrame, wanted: Wanted) -> Iterator[Entry]:
    """Yield the summaries of each weight."""
    for group in _groups(rows, PLACE):
        kinds = wanted[group.place["measure"]]
        yield from _entries(group, [kind for kind in kinds if not kind.over_layers])


def _pooled(rows: pd.DataFrame, wanted: Wanted) -> Iterator[Entry]:
    """Yield the summaries over the layers (and experts) of each role."""
    pooled = {
        quantity: [kind for kind in kinds if kind.over_layers] for quantity, kinds in wanted.items()
    }
    several = [quantity for quantity, kinds in pooled.items() if kinds]
    for group in _groups(rows[rows["measure"].isin(several)], WIDER):
        group.place.update(layer=None, expert=None)
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
class _Group:
    """The rows of one quantity of one weight."""

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


def _groups(rows: pd.DataFrame, place: list[str]) -> Iterator[_Group]:
    """Cut rows into groups. Columns are taken as arrays once: a table can have thousands."""
    if rows.empty:
        return
    keys = [*place, "measure"]
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
        yield _Group(found, values, status, of_head)


def _entries(group: _Group, kinds: Sequence[Summary]) -> Iterator[Entry]:
    """Yield the summaries of one group, as `frame_of` takes them."""
    counted = group.counted()
    if not counted.any():
        return
    status, reason = _trust(group.status, counted)
    quantity = group.place["measure"]
    for kind in kinds:
        for suffix, value in STATISTICS[kind](group.values[counted]):
            yield group.place | {
                "measure": f"{quantity}{suffix}",
                "value": value,
                "index": np.arange(np.size(value)) if np.ndim(value) else None,
                "head": None,
                "partner": None,
                "status": status,
                "reason": reason,
            }


def _trust(status: np.ndarray, counted: np.ndarray) -> tuple[Status, str]:
    """Return the status of a summary and how many of its values are not `ok`."""
    n_counted, n_skipped = int(counted.sum()), int((status == Status.SKIPPED).sum())
    counts = Counter(str(each) for each in status[counted] if each != Status.OK)
    notes = [f"{count} of {n_counted} {each}" for each, count in counts.most_common()]
    notes += [f"{n_skipped} skipped"] if n_skipped else []
    shared = [each for each, count in counts.items() if count == n_counted]
    return Status(shared[0]) if shared else Status.OK, ", ".join(notes)
