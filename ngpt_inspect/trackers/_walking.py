"""The tidy table as trackers take it: a tag and a number a row, columns as counts in bins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import MEASURES, Summary
from ngpt_inspect.table import Table
from ngpt_inspect.tables.rows import Entry, frame_of, records, rows_at, tidy
from ngpt_inspect.tables.statistics import STATISTICS
from ngpt_inspect.tables.summaries import PLACE, groups, summaries_of, trust
from ngpt_inspect.trackers._tracker import Destination, Histogram, LoggedFigure, Moment
from ngpt_inspect.vocabulary import Status

BINS = ("bin_left", "bin_count")
CURVES = ("quantile", "quantile_standard_error", "density", "density_at", "bin_zero", *BINS)
"""Statistics that are columns: as bins or not at all."""
REMADE = ("mean", "std", "min", "median", "max", *BINS)
"""Statistics that a column becomes."""


def condensed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns of numbers are counted in bins: a few rows for thousands.

    A quantity with a value a row, a token or a direction becomes its mean, std, min, median, max
    and at most 100 equal bins, of each weight (and head); single numbers stay, and each quantity
    with several heads gets their median. What is counted in bins already stays as it is.
    """
    whole = tidy(table)
    rows = Table.of(whole).rows
    single = rows["statistic"].isna()
    columns = single & rows["index"].notna()
    kept = rows[~columns & ~rows["statistic"].isin(set(CURVES) - set(BINS))]
    heads = rows[single & ~columns & rows["head"].notna()]
    told = rows[rows["statistic"] == "median"]
    heads = heads[~heads["measure"].isin(told["measure"])]
    kept = kept[~_replaced(kept, rows[columns])]
    made = frame_of([*_binned(rows[columns]), *_medians(heads)])
    out = pd.concat([kept, made.astype(rows.dtypes.to_dict())], ignore_index=True)
    out.attrs = dict(whole.attrs)
    return out


def _replaced(kept: pd.DataFrame, columns: pd.DataFrame) -> pd.Series[bool]:
    """Tell the summaries of weights whose columns are counted anew."""
    at = [*PLACE, "measure"]
    anew = columns[at].drop_duplicates()
    there = kept.assign(_row=kept.index)[[*at, "_row"]].merge(anew, on=at)["_row"]
    return kept["statistic"].isin(REMADE) & kept.index.isin(there)


BINNED = (Summary.MEAN, Summary.SPREAD, Summary.HISTOGRAM)


def _binned(rows: pd.DataFrame) -> Iterator[Entry]:
    """Yield moments and bins of each column of numbers."""
    for group in groups(rows, [*PLACE, "head", "measure"]):
        values = group.values[np.isfinite(group.values)]
        if len(values):
            status, reason = trust(group.status)
            for statistic, value in _statistics(BINNED, values):
                index = np.arange(np.size(value)) if np.ndim(value) else None
                yield _entry(group.place, statistic, value, status, reason, index)


def _medians(rows: pd.DataFrame) -> Iterator[Entry]:
    """Yield the median over the heads of each weight."""
    for group in groups(rows, [*PLACE, "measure"]):
        counted = group.values[group.status != Status.SKIPPED]
        if len(counted):
            status, reason = trust(group.status)
            yield _entry(group.place, "median", float(np.median(counted)), status, reason, None)


def _statistics(kinds: Iterable[Summary], values: np.ndarray) -> Iterator[tuple[str, Any]]:
    for kind in kinds:
        yield from STATISTICS[kind](values)


def _entry(
    place: Mapping[str, Any], statistic: str, value: Any, status: Status, reason: str, index: Any
) -> Entry:
    told = {"statistic": statistic, "value": value, "index": index, "partner": None}
    return {"head": None} | dict(place) | told | {"status": status, "reason": reason}


Draw = Callable[["pd.DataFrame"], Mapping[str, LoggedFigure]]
"""Figures of the table of one checkpoint."""


def walk(table: pd.DataFrame, *, heads: bool = False, draw: Draw | None = None) -> Iterator[Moment]:
    """Yield what trackers are told of each checkpoint of a table, step by step.

    Tags are ``quantity/layer/role[/expertN][/headN][/statistic]``: without a layer for what lies
    outside the layers or is over all of them, the tensor's name in the place of a role for what has
    none. Skipped values are left out. A checkpoint without a step counts as its place among those
    of its run.

    Parameters
    ----------
    table
        As `measure` or `summarise` return it, or `condensed`.
    heads
        Also a series for each head: there are thousands.
    draw
        What makes figures of a checkpoint.
    """
    rows = Table.of(condensed(table)).rows
    rows = rows[(rows["status"] != Status.SKIPPED) & rows["value"].notna()]
    if not heads:
        rows = rows[rows["head"].isna()]
    order: dict[str, int] = {}
    for _, mine in rows.groupby(["checkpoint", "step"], dropna=False, sort=False):
        first = records(mine.head(1))[0]
        run, step = str(first["checkpoint"]), first["step"]
        order[run] = order.get(run, -1) + 1
        yield Moment(
            run=run,
            step=order[run] if step is None else int(step),
            scalars=_scalars(mine),
            histograms=_histograms(mine),
            figures={} if draw is None else draw(_of_one(table, run, step)),
        )


def _of_one(table: pd.DataFrame, label: str, step: Any) -> pd.DataFrame:
    """Return what a table holds of one checkpoint, as if nothing else had been measured."""
    whole = Table.of(tidy(table))
    told = whole.facts.get("checkpoints", [])
    mine = [each for each in told if (each["label"], each["step"]) == (label, step)]
    rows = rows_at(whole.rows, label, step)
    return Table(rows, {**whole.facts, "checkpoints": mine}).frame()


def tag(row: Mapping[str, Any], *, statistic: bool = True) -> str:
    """Return the name of a row's series."""
    layer = () if row["layer"] is None else (str(row["layer"]),)
    numbered = tuple(f"{key}{row[key]}" for key in ("expert", "head") if row[key] is not None)
    told = (row["statistic"],) if statistic and row["statistic"] else ()
    index = () if row["index"] is None else (str(row["index"]),)
    whose = (row["role"] or row["tensor"],)
    return "/".join((row["measure"], *layer, *whose, *numbered, *told, *index))


def _scalars(rows: pd.DataFrame) -> dict[str, float]:
    plain = rows[rows["index"].isna() & ~rows["statistic"].isin(CURVES)]
    return {tag(row): float(row["value"]) for row in records(plain)}


def _histograms(rows: pd.DataFrame) -> dict[str, Histogram]:
    """Return the bins of each weight and quantity, with the mean and std that stand beside."""
    wanted = rows[rows["statistic"].isin([*BINS, "mean", "std"])]
    logarithmic = _in_ratios()
    found = {}
    for (quantity, *_), mine in wanted.groupby(
        ["measure", "layer", "role", "expert", "head", "tensor"], dropna=False, sort=False
    ):
        by_name: dict[str, np.ndarray] = {
            str(name): part["value"].to_numpy() for name, part in mine.groupby("statistic")
        }
        left, counts = (by_name.get(name, np.array([])) for name in BINS)
        if len(left) and len(left) == len(counts):
            row = records(mine[mine["statistic"] == "bin_left"].head(1))[0] | {"index": None}
            edges = _edges(left, ratios=quantity in logarithmic)
            middle = (edges[:-1] + edges[1:]) / 2
            mean = float(np.average(middle, weights=counts))
            spread = float(np.sqrt(np.average((middle - mean) ** 2, weights=counts)))
            found[tag(row, statistic=False)] = Histogram(
                edges=tuple(edges.tolist()),
                counts=tuple(counts.tolist()),
                mean=_one(by_name, "mean", mean),
                std=_one(by_name, "std", spread),
            )
    return found


def _one(by_name: Mapping[str, np.ndarray], name: str, otherwise: float) -> float:
    return float(by_name[name][0]) if name in by_name else otherwise


def _in_ratios() -> set[str]:
    """Return the quantities whose bins are of equal ratio."""
    each, pooled = summaries_of(MEASURES.values())
    wanted = [*each.items(), *pooled.items()]
    return {name for name, kinds in wanted if Summary.LOG_HISTOGRAM in kinds}


def _edges(left: np.ndarray, *, ratios: bool) -> np.ndarray:
    """Return all edges of bins of one width (or ratio); a single bin of no width gets a little."""
    if len(left) == 1:
        last = np.nextafter(left[0], np.inf)
    else:
        last = left[-1] * (left[-1] / left[-2]) if ratios else 2 * left[-1] - left[-2]
    return np.append(left, last)


def log_table(
    table: pd.DataFrame,
    destinations: Sequence[Destination],
    *,
    heads: bool = False,
    draw: Draw | None = None,
) -> int:
    """Log each checkpoint of a table to each destination, at its own step; return how many.

    Raises
    ------
    InspectError
        A tracker's package is missing, or it refuses.
    """
    moments: dict[str, list[Moment]] = {}
    for moment in walk(table, heads=heads, draw=draw):
        moments.setdefault(moment.run, []).append(moment)
    for each in destinations:
        for run, mine in moments.items():
            each.take(run, sorted(mine, key=lambda moment: moment.step))
    return sum(map(len, moments.values()))
