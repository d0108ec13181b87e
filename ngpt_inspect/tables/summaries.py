"""Many values become few: the rows that figures, printed tables and the dashboard read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngpt_inspect.measures import MEASURES, Summary
from ngpt_inspect.tables.rows import frame_of, records
from ngpt_inspect.vocabulary import Status

if TYPE_CHECKING:
    import pandas as pd

N_QUANTILES = 1001
N_DENSITY = 200
PLACE = ["checkpoint", "step", "architecture", "layer", "role", "expert"]
"""What a summary is taken within."""

Statistic = tuple[str, float | np.ndarray]
"""A suffix and its number, or its column of numbers by index."""


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
    summary = frame_of([entry for group in _groups(rows) for entry in _entries(group, wanted)])
    out = pd.concat([table, summary.astype(table.dtypes.to_dict())], ignore_index=True)
    out.attrs = dict(table.attrs)
    return out


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


def _groups(rows: pd.DataFrame) -> Iterator[_Group]:
    """Cut rows into groups. Columns are taken as arrays once: a table can have thousands."""
    if rows.empty:
        return
    keys = [*PLACE, "measure"]
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
    for place, (values, status, of_head) in zip(places, pieces, strict=True):
        yield _Group(place, values, status, of_head)


def _entries(group: _Group, wanted: dict[str, tuple[Summary, ...]]) -> Iterator[dict[str, Any]]:
    """Yield the summaries of one group, as `frame_of` takes them."""
    counted = group.counted()
    if not counted.any():
        return
    status, reason = _trust(group.status, counted)
    quantity = group.place["measure"]
    for kind in wanted[quantity]:
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


def _quantile(values: np.ndarray, q: float | np.ndarray) -> np.ndarray:
    """Return quantiles; between two infinite values lies an infinite one."""
    with np.errstate(invalid="ignore"):
        found = np.quantile(values, q)
    return np.where(np.isnan(found), np.inf, found) if np.isinf(values).any() else found


def _over_heads(values: np.ndarray) -> Iterator[Statistic]:
    for suffix, q in (
        ("_median", 0.5),
        ("_low", 0.25),
        ("_high", 0.75),
        ("_min", 0.0),
        ("_max", 1.0),
    ):
        yield suffix, float(_quantile(values, q))


def _mean(values: np.ndarray) -> Iterator[Statistic]:
    yield "_mean", float(values.mean())
    yield "_std", float(values.std())


def _spread(values: np.ndarray) -> Iterator[Statistic]:
    yield "_min", float(values.min())
    yield "_median", float(_quantile(values, 0.5))
    yield "_max", float(values.max())


def _rank_curve(values: np.ndarray) -> Iterator[Statistic]:
    yield "_quantile", _quantile(values, np.linspace(0, 1, N_QUANTILES))


def _density(values: np.ndarray) -> Iterator[Statistic]:
    """Yield a Gaussian kernel density (Scott's bandwidth) and where it was taken."""
    from scipy.stats import gaussian_kde

    if len(values) < 2 or np.ptp(values) == 0:
        return  # a fixed or a single scalar has no density
    kernel = gaussian_kde(values)
    margin = 3 * float(np.sqrt(kernel.covariance[0, 0]))
    at = np.linspace(values.min() - margin, values.max() + margin, N_DENSITY)
    yield "_density_at", at
    yield "_density", kernel(at)


STATISTICS: dict[Summary, Callable[[np.ndarray], Iterator[Statistic]]] = {
    Summary.HEADS: _over_heads,
    Summary.MEAN: _mean,
    Summary.SPREAD: _spread,
    Summary.QUANTILES: _rank_curve,
    Summary.DENSITY: _density,
}
