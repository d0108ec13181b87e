"""Words and tables in HTML: what comes out of files is escaped here, once."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Any

SUBSCRIPT = re.compile(r"(?<=[^\W_])_(\w+)")


def html_table(lead: str, columns: Sequence[str], rows: Iterable[tuple[str, list[str]]]) -> str:
    """Return a table: on a phone a block a line, each cell under the name of its column."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in (lead, *columns))
    lines = (
        f'<tr><th scope="row">{head}</th>'
        + "".join(
            f'<td data-of="{escape(name)}">{cell}</td>'
            for name, cell in zip(columns, cells, strict=True)
        )
        + "</tr>"
        for head, cells in rows
    )
    return (
        f'<div class="scroll"><table class="wide-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def listed(lines: Iterable[tuple[str, str]]) -> str:
    """Return names and what is said of each, both HTML already."""
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{text}</dd>' for name, text in lines)}</dl>"


def typeset(words: str) -> str:
    """Return words with what follows an underscore as a subscript."""
    return SUBSCRIPT.sub(r"<sub>\1</sub>", escape(words))


def escaped(value: Any) -> str:
    """Return anything as words of the page."""
    return escape(str(value))


def anchor(name: str) -> str:
    """Return how a heading is linked to."""
    return name.lower().replace(",", "").replace(" ", "-")


def file_beside(name: str) -> str:
    """Return a file that lies in this room."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
