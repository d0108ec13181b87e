"""The rows a figure is drawn from: few enough for a browser, whole enough for a CSV."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.figures import Figure
from ngpt_inspect.gallery.choices import scope
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.results import results_named
from ngpt_inspect.tables import summarise
from ngpt_inspect.vocabulary import Status

if TYPE_CHECKING:
    import pandas as pd


def drawn_rows(
    chosen: Figure, table: pd.DataFrame, options: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return the rows a figure is drawn from: those of its measures, thinned.

    Only of its roles, and of the layer and roles its options (by default the usual ones) leave.
    Of training results, all rows.

    Raises
    ------
    WrongOption
        The table is not the one of training results that the figure draws.
    """
    if chosen.results:
        return _results(chosen, table)
    facts, table = table.attrs, thinned(table, keep=chosen.singles)
    table.attrs = {}  # pandas copies them deeply with every selection
    quantities = [name for need in chosen.needs for name in MEASURES[need].quantities]
    names = [
        name
        for name in table["measure"].unique()
        if any(name == each or name.startswith(f"{each}_") for each in quantities)
    ]
    wanted = table["measure"].isin(names)
    for column, values in scope(chosen, options or {}).items():
        wanted &= table[column.removesuffix("s")].isin(values)
    rows = table[wanted]
    rows.attrs = dict(facts)
    return rows


def _results(chosen: Figure, table: pd.DataFrame) -> pd.DataFrame:
    wanted = [column.name for column in results_named(chosen.results).columns]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise WrongOption(
            f"{chosen.name} draws the table {chosen.results}, and this has no column {missing[0]}",
            next_step=f'give training_results("{chosen.results}", sources)',
        )
    return table


def thinned(table: pd.DataFrame, *, keep: Collection[str] = ()) -> pd.DataFrame:
    """Return a table with summary rows in the place of the many values behind them.

    This is what a figure's CSV holds and what travels to a browser. The many are those with an
    `index`: one number of a head or of a whole matrix stays, and so do what was skipped,
    quantities that have no summaries, and those of `keep`. A table without summary rows gets
    them.
    """
    quantities = {name for each in MEASURES.values() for name in each.summaries}
    names = set(table["measure"])
    if not all(_has_summary(quantity, names) for quantity in quantities & names):
        table = summarise(table)
    facts, table = table.attrs, table.copy(deep=False)
    table.attrs = {}  # pandas copies them deeply with every selection
    many = table["measure"].isin(quantities - set(keep)) & table["index"].notna()
    rows = table[~many | (table["status"] == Status.SKIPPED)]
    rows.attrs = dict(facts)
    return rows


def _has_summary(quantity: str, names: set[str]) -> bool:
    return any(name.startswith(f"{quantity}_") for name in names)


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return one table of several, with the provenance of all of them."""
    import pandas as pd

    table = pd.concat(list(tables), ignore_index=True)
    table.attrs = dict(tables[0].attrs)
    listed = [facts for each in tables for facts in each.attrs.get("checkpoints", [])]
    table.attrs["checkpoints"] = list({(c["label"], c["step"]): c for c in listed}.values())
    return table
