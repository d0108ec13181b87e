"""The rows a figure is drawn from: few enough for a browser, whole enough for a CSV."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ngpt_inspect.figures import Figure
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.plotting.choices import scope
from ngpt_inspect.plotting.wide import checked_columns
from ngpt_inspect.table import Table
from ngpt_inspect.tables import summarise
from ngpt_inspect.tables.rows import frame_of, tidy
from ngpt_inspect.tables.summaries import summaries_of
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import WeightSet


def drawn_rows(
    chosen: Figure, table: pd.DataFrame, options: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return the rows a figure is drawn from: those of its measures, thinned.

    Only of its roles, and of the layer and roles its options (by default the usual ones) leave.
    Of a wide table, all rows.

    Raises
    ------
    WrongOption
        The table is not the wide one that the figure draws.
    """
    if chosen.results:
        return checked_columns(chosen.name, chosen.results, table)
    thin = Table.of(thinned(tidy(table), keep=chosen.singles))
    needs = chosen.needs_with(options or {})
    names = [name for need in needs for name in MEASURES[need].quantities]
    wanted = thin.rows["measure"].isin(names)
    for column, values in scope(chosen, options or {}).items():
        wanted &= thin.rows[column.removesuffix("s")].isin(values)
    return thin.where(wanted).frame()


def thinned(table: pd.DataFrame, *, keep: Collection[str] = ()) -> pd.DataFrame:
    """Return a table with summary rows in the place of the many values behind them.

    This is what a figure's CSV holds and what travels to a browser. The many are those with an
    `index`: one number of a head or of a whole matrix stays, and so do what was skipped,
    quantities that have no summaries of each weight, and those of `keep`. Quantities without
    summary rows get them.
    """
    each, pooled = summaries_of(MEASURES.values())
    whole = Table(_summarised(Table.of(table).rows, {*each, *pooled}), table.attrs)
    rows = whole.rows
    single = rows["statistic"].isna() & rows["index"].notna()
    many = rows["measure"].isin(set(each) - set(keep)) & single
    return whole.where(~many | (rows["status"] == Status.SKIPPED)).frame()


def _summarised(rows: pd.DataFrame, quantities: Collection[str]) -> pd.DataFrame:
    """Return rows with the summaries of those of these quantities that have none."""
    said = set(rows.loc[rows["statistic"].notna(), "measure"].unique())
    bare = rows[rows["measure"].isin(set(quantities) - said)]
    if bare.empty:
        return rows
    return pd.concat([rows, summarise(bare).iloc[len(bare) :]], ignore_index=True)


def joined(tables: Sequence[pd.DataFrame], checkpoints: Iterable[WeightSet] = ()) -> pd.DataFrame:
    """Return one table of several, with the provenance of all of them.

    Parameters
    ----------
    tables
        As `measure` returns them; none at all give an empty table.
    checkpoints
        Those that ``attrs`` lists first, in this order, whether they have rows or not: so each
        keeps its colour in a figure where another could not be measured.
    """
    table = pd.concat(list(tables), ignore_index=True) if tables else frame_of([])
    table.attrs = dict(tables[0].attrs) if tables else {}
    names = [name for each in tables for name in each.attrs.get("measures", [])]
    if names:
        settings = ChainMap(*(each.attrs.get("settings", {}) for each in tables))
        table.attrs |= {"measures": list(dict.fromkeys(names)), "settings": dict(settings)}
    told = [facts for each in tables for facts in each.attrs.get("checkpoints", [])]
    listed = {(each.label, each.step): _told(each) for each in checkpoints}
    listed |= {(facts["label"], facts["step"]): facts for facts in told}
    table.attrs["checkpoints"] = list(listed.values())
    return table


def _told(checkpoint: WeightSet) -> dict[str, Any]:
    """Return the facts of a checkpoint that a figure draws by, without any table of it."""
    return {
        "label": checkpoint.label,
        "step": checkpoint.step,
        "architecture": checkpoint.architecture,
        "family": checkpoint.family,
        "shape": asdict(checkpoint.shape),
    }
