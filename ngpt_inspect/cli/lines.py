"""Plain tables for a terminal: rows as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.wording import number

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment

TEXTS = {"", "checkpoint", "group", "item", "tensor", "role", "shape", "dtype", "note", "notes"} | {
    *("text", "partner text", "nearest_text", "block", "top_text")
}
"""Columns set flush left."""
GAP = "   "


class TextTable:
    """Rows of one line each under a heading, which rich prints.

    Its own table makes objects of every cell and takes a millisecond a line; here a column has the
    width of its widest text. Where the terminal is too narrow the widest columns are cut.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.rows: list[tuple[str, ...]] = []

    def add_row(self, *cells: str | None) -> None:
        """Add a line, a text a column; what is not there is left empty."""
        self.rows.append(tuple("" if cell is None else cell for cell in cells))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the heading, a rule, and the lines."""
        from rich.segment import Segment

        width = options.max_width
        widths = _fitted(
            [max(map(_width, column)) for column in zip(self.columns, *self.rows, strict=True)],
            width - len(GAP) * (len(self.columns) - 1),
        )
        left = [name in TEXTS for name in self.columns]
        lines = (_line(row, widths, left) for row in (self.columns, *self.rows))
        yield Segment(next(lines), console.get_style("table.header"))
        yield Segment("\n" + "─" * (sum(widths) + len(GAP) * (len(widths) - 1)) + "\n")
        yield Segment("".join(f"{line}\n" for line in lines))


def _fitted(widths: list[int], room: int) -> list[int]:
    """Return widths that fit in the room: the widest become as wide as the others leave them."""
    out = list(widths)
    left = max(room, len(out))
    by_width = sorted(range(len(out)), key=out.__getitem__)
    for n, column in enumerate(by_width):
        out[column] = min(out[column], left // (len(out) - n))
        left -= out[column]
    return out


def _line(cells: Iterable[str], widths: Sequence[int], left: Sequence[bool]) -> str:
    return GAP.join(map(_cell, cells, widths, left))


def _cell(text: str, width: int, flush_left: bool) -> str:
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    spare = width - _width(text)
    if spare < 0:
        return _cut(text, width - 1) + "…"
    return text + " " * spare if flush_left else " " * spare + text


def _width(text: str) -> int:
    """Return how many places of a terminal a text takes: a Chinese character takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _cut(text: str, width: int) -> str:
    from rich.cells import set_cell_size

    return set_cell_size(text, width)


def plain_table(rows: list[dict[str, Any]], columns: list[str]) -> TextTable:
    """Return rows as they are, in these columns; numbers in four digits."""
    out = TextTable(columns)
    for row in rows:
        out.add_row(*(_plain(row[name]) for name in columns))
    return out


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)
