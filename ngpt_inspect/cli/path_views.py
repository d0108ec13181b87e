"""The path table for reading: states down, or tokens down and states across."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ngpt_inspect.cli.lines import plain_table
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.tables.rows import records, rows_at
from ngpt_inspect.wording import at_step

if TYPE_CHECKING:
    from rich.console import Group

STATE = ("layer", "block")
MEANS = (
    "angle_moved",
    "angle_to_suggestion",
    "share_of_way",
    "angle_to_final",
    "angle_to_next",
    "next_probability",
)
PREDICTION = ("top_text", "top_probability")


def path_views(table: pd.DataFrame, token: int | None, quantity: str | None) -> Iterator[Group]:
    """Yield a heading and a table for each trace."""
    from rich.console import Group

    for told in table.attrs["checkpoints"]:
        mine = rows_at(table, told["label"], told["step"])
        heading = f"{at_step(told['label'], told['step'])} ({told['family']})"
        if quantity is not None:
            rows, columns = _across(mine, quantity.replace("-", "_"))
            heading = f"{heading}: {quantity}"
        elif token is None:
            rows, columns = records(mine[mine["row"] == "mean"]), [*STATE, *MEANS]
            heading = f"{heading}: mean of {mine['token'].nunique()} tokens"
        else:
            states = mine[(mine["row"] == "state") & (mine["token"] == token)]
            rows, columns = records(states), [*STATE, *MEANS, *PREDICTION]
            heading = f"{heading}: {_named(states)}"
        yield Group(heading, plain_table(rows, columns))


def _named(states: pd.DataFrame) -> str:
    if not len(states):
        return "has no such token"
    first = states.iloc[0]
    after = f", then {first['next_text']}" if first["next_text"] else ""
    return f"token {first['token']}, {first['text']}{after}"


def _across(table: pd.DataFrame, quantity: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row a token and a column a state, and the means below where there are any."""
    rows = table[table["row"].isin(["state", "mean"])]
    columns: dict[str, None] = {}
    lines: dict[Any, dict[str, Any]] = {}
    for row in records(rows):
        state = "embedding" if row["state"] == 0 else f"{row['layer']} {row['block']}"
        columns[state] = None
        mean = row["row"] == "mean"
        lead = {"token": "" if mean else row["token"], "text": "mean" if mean else row["text"]}
        line = lines.setdefault("mean" if mean else row["token"], lead)
        line[state] = row[quantity]
    if quantity.startswith("top_text"):
        lines.pop("mean", None)
    return list(lines.values()), ["token", "text", *columns]
