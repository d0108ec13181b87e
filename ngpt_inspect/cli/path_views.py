"""The path table for reading: states down, or tokens down and states across."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ngpt_inspect.cli.lines import plain_table
from ngpt_inspect.tables.rows import records
from ngpt_inspect.wording import number

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group

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
        mine = table[table["checkpoint"] == told["label"]]
        if told["step"] is not None:
            mine = mine[mine["step"] == told["step"]]
        step = "" if told["step"] is None else f" at step {told['step']}"
        heading = f"{told['label']}{step} ({told['family']})"
        if quantity is not None:
            rows, columns = _across(mine, quantity.replace("-", "_"))
            yield Group(f"{heading}: {quantity}", plain_table(rows, columns))
        elif token is None:
            rows, columns = _down(mine[mine["row"] == "mean"], MEANS)
            yield Group(
                f"{heading}: mean of {mine['token'].nunique()} tokens", plain_table(rows, columns)
            )
        else:
            states = mine[(mine["row"] == "state") & (mine["token"] == token)]
            rows, columns = _down(states, (*MEANS, *PREDICTION))
            yield Group(f"{heading}: {_named(states)}", plain_table(rows, columns))


def _named(states: pd.DataFrame) -> str:
    if not len(states):
        return "has no such token"
    first = states.iloc[0]
    after = f", then {first['next_text']}" if first["next_text"] else ""
    return f"token {first['token']}, {first['text']}{after}"


def _down(
    rows: pd.DataFrame, quantities: tuple[str, ...]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row a state."""
    lines = [
        {"layer": _cell(row["layer"]), "block": row["block"]}
        | {name: _cell(row[name]) for name in quantities}
        for row in records(rows)
    ]
    return lines, ["layer", "block", *quantities]


def _across(table: pd.DataFrame, quantity: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row a token and a column a state, and the means below where there are any."""
    rows = table[table["row"].isin(["state", "mean"])]
    columns: dict[str, None] = {}
    lines: dict[Any, dict[str, Any]] = {}
    for row in records(rows):
        state = "embedding" if row["state"] == 0 else f"{row['layer']} {row['block']}"
        columns[state] = None
        mean = row["row"] == "mean"
        lead = {
            "token": "" if mean else row["token"],
            "text": "mean" if mean else row["text"],
        }
        line = lines.setdefault("mean" if mean else row["token"], lead)
        line[state] = _cell(row[quantity])
    if quantity.startswith("top_text"):
        lines.pop("mean", None)
    return list(lines.values()), ["token", "text", *columns]


def _cell(value: Any) -> str:
    """Write one value; nothing where it is undefined."""
    if isinstance(value, str):
        return value
    return "" if value is None else number(float(value))
