"""Many values become few: the rows that figures, printed tables and the dashboard read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ngpt_inspect.measures import MEASURES, Summary
from ngpt_inspect.vocabulary import COLUMNS, Status

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
    rows.attrs = {}  # pandas copies them deeply into every group: with many checkpoints, for long
    new = [
        row
        for keys, group in rows.groupby([*PLACE, "measure"], dropna=False, sort=False)
        for row in _summary_rows(dict(zip([*PLACE, "measure"], keys, strict=True)), group, wanted)
    ]
    if not new:
        return table
    summary = pd.concat(new, ignore_index=True)[list(COLUMNS)].astype(table.dtypes.to_dict())
    out = pd.concat([table, summary], ignore_index=True)
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


def _summary_rows(
    place: dict[str, object], group: pd.DataFrame, wanted: dict[str, tuple[Summary, ...]]
) -> Iterator[pd.DataFrame]:
    import pandas as pd

    counted = parts(group)
    values = counted["value"].to_numpy(dtype=float)
    if len(values) == 0:
        return
    status, reason = _trust(counted, group)
    for kind in wanted[str(place["measure"])]:
        for suffix, value in STATISTICS[kind](values):
            columns = place | {"measure": f"{place['measure']}{suffix}", "value": value}
            columns |= {"status": status, "reason": reason, "head": pd.NA, "partner": pd.NA}
            n_values = np.size(value)
            columns["index"] = np.arange(n_values) if np.ndim(value) else pd.NA
            yield pd.DataFrame(columns, index=range(n_values))


def _trust(counted: pd.DataFrame, group: pd.DataFrame) -> tuple[Status, str]:
    """Return the status of a summary and how many of its values are not `ok`."""
    n_skipped = int((group["status"] == Status.SKIPPED).sum())
    counts = counted.loc[counted["status"] != Status.OK, "status"].value_counts()
    notes = [f"{count} of {len(counted)} {status}" for status, count in counts.items()]
    notes += [f"{n_skipped} skipped"] if n_skipped else []
    same = len(counts) == 1 and counts.iloc[0] == len(counted)
    return (Status(str(counts.index[0])) if same else Status.OK), ", ".join(notes)


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
