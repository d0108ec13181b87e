"""Text from a file, made safe to show."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

LONGEST = 200
MOST_NAMES = 8


def shown(text: str, longest: int = LONGEST) -> str:
    """Return the text on one line, without control characters, cut when long."""
    line = "".join(char if char.isprintable() else " " for char in text[: longest + 1])
    line = " ".join(line.split())
    return f"{line[:longest]}..." if len(text) > longest else line


def quoted(value: object, longest: int = 80) -> str:
    """Return a name between quotes, cut when long; of anything but a name, its type."""
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    return repr(value) if len(value) <= longest else f"{value[:longest]!r}..."


def sizes(shape: Iterable[int]) -> str:
    """Return a shape as a list, cut when long."""
    return shown(str(list(shape)), 80)


def listed(names: Iterable[str], count: int | None = None) -> str:
    """Return the first few names, and how many more there are.

    With `count`, how many there are in all, only the first few are looked at.
    """
    if count is None:
        names = list(names)
        count = len(names)
    text = ", ".join(shown(name, 80) for name in islice(names, MOST_NAMES))
    more = count - MOST_NAMES
    return f"{text} and {more} more" if more > 0 else text
