"""How numbers, and names that come out of files, are written where people read them."""

import math
from collections.abc import Iterable
from itertools import islice

LONGEST = 200
"""Characters of a text; some file holds a name of millions."""
MOST_NAMES = 8
NO_STEP = ("None", "<NA>", "nan")


def number(value: float) -> str:
    """Return four significant digits, in powers of ten where that is shorter."""
    if not math.isfinite(value):
        return "inf" if value > 0 else str(value)
    if value == 0:
        return "0"
    return f"{value:.4g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.3e}"


def at_step(label: object, step: object) -> str:
    """Return the name of a checkpoint, with its step where it has one: null in tables, or None."""
    return str(label) if str(step) in NO_STEP else f"{label} at step {step}"


def duration(seconds: float) -> str:
    """Return a time as people say it: ``40 s``, ``3 min``, ``2 h 5 min``."""
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"


def shown(text: str, longest: int = LONGEST) -> str:
    """Return the text on one line, without control characters, cut when long."""
    line = "".join(char if char.isprintable() else " " for char in text[: longest + 1])
    line = " ".join(line.split())
    return f"{line[:longest]}..." if len(text) > longest else line


def cut(name: str, longest: int = 80) -> str:
    """Return a name as it is, cut when long; an `InspectError` escapes what is not printable."""
    return f"{name[:longest]}..." if len(name) > longest else name


def quoted(value: object, longest: int = 80) -> str:
    """Return a name between quotes, cut when long; of anything but a name, its type."""
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    return repr(value) if len(value) <= longest else f"{value[:longest]!r}..."


def sizes(shape: Iterable[int]) -> str:
    """Return a shape as a list, cut when long."""
    return shown(str(list(shape)), 80)


def listed(names: Iterable[str], count: int | None = None, *, most: int = MOST_NAMES) -> str:
    """Return the first few names, and how many more there are.

    With `count`, how many there are in all, only the first few are looked at.
    """
    if count is None:
        names = list(names)
        count = len(names)
    text = ", ".join(cut(name) for name in islice(names, most))
    more = count - most
    return f"{text} and {more} more" if more > 0 else text
