"""Tables of tokens for a terminal: which rows, in which order, how many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ngpt_inspect.cli.lines import plain_table
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.tables.rows import records
from ngpt_inspect.tables.token_views import ordered, searched
from ngpt_inspect.tables.tokens import WHERE
from ngpt_inspect.tokens import token_texts
from ngpt_inspect.wording import at_step

if TYPE_CHECKING:
    from rich.console import Group


def chosen_tokens(table: pd.DataFrame, search: str | None, order: str) -> pd.DataFrame:
    """Return the rows that a search is for, best matches first, or all in an order.

    Raises
    ------
    WrongOption
        No token is like that, or there is no such order.
    """
    found = ordered(table, order)
    if search is not None:
        facts = table.attrs["checkpoints"]
        texts = {each["label"]: token_texts(each["source"]) for each in facts}
        found = searched(found, search, texts)
        if found.empty:
            raise WrongOption(
                f"no token holds {search!r}",
                where="--search",
                next_step="say an id, or a part of a token's text",
            )
    found.attrs = table.attrs
    return found


def token_listings(table: pd.DataFrame, rows: int) -> Iterator[Group]:
    """Yield the first rows of each checkpoint and embedding, under a heading."""
    from rich.console import Group

    ranks = {each["label"]: rank for rank, each in enumerate(table.attrs["checkpoints"])}
    groups = list(table.groupby(list(WHERE), dropna=False))  # by step and role
    for (label, step, role), group in sorted(groups, key=lambda each: ranks[each[0][0]]):
        more = f", {rows} of {len(group)} tokens" if len(group) > rows else ""
        shown = group.head(rows)
        told = [
            name
            for name in shown.columns.drop(list(WHERE))
            if shown[name].notna().any() and (shown[name].astype(str) != "").any()
        ]
        yield Group(f"{at_step(label, step)}: {role}{more}", plain_table(records(shown), told))
