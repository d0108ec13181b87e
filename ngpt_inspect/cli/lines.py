"""Plain tables for a terminal: rows as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ngpt_inspect.wording import number

if TYPE_CHECKING:
    from rich.table import Table

TEXTS = {"", "checkpoint", "group", "item", "tensor", "role", "shape", "dtype", "note", "notes"} | {
    *("text", "partner text", "nearest_text", "block", "top_text")
}
"""Columns set flush left."""


def headed(columns: list[str]) -> Table:
    """Return a table without rows yet."""
    from rich import box
    from rich.table import Table

    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        out.add_column(name, justify="left" if name in TEXTS else "right", no_wrap=True)
    return out


def plain_table(rows: list[dict[str, Any]], columns: list[str]) -> Table:
    """Return rows as they are, in these columns; numbers in four digits."""
    out = headed(columns)
    for row in rows:
        out.add_row(*(_plain(row[name]) for name in columns))
    return out


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)
