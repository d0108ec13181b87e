"""Views that were pinned: a name, a note and an address each, in one file beside the runs."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ngpt_inspect.errors import InspectError, UnreadableFile

FILE = "ngpt-inspect-views.json"
LARGEST = 1_000_000
"""Bytes of the file: it is read at every click."""
LONGEST = {"name": 100, "note": 2000, "page": 100}
"""Characters of each text."""
_LOCK = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One view that someone wants to find again."""

    name: str
    note: str
    page: str
    query: Mapping[str, Sequence[str]]
    """The address after ``?``."""


def pins_in(folder: Path) -> list[Pin]:
    """Return the pinned views, first to last; none where there is no file.

    Raises
    ------
    UnreadableFile
        There is a file, and it is not one of ours.
    """
    path = folder / FILE
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableFile("is too large", where=str(path), next_step="move it away")
        told = json.loads(path.read_text(encoding="utf-8"))
        return [_pin(each) for each in told]
    except FileNotFoundError:
        return []
    except InspectError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableFile(
            "does not hold pinned views", where=str(path), next_step="move it away"
        ) from error


def pin(folder: Path, view: Pin) -> None:
    """Add a view, in the place of one of the same name.

    Raises
    ------
    UnreadableFile
        The file cannot be read or written.
    """
    with _LOCK:
        kept = [each for each in pins_in(folder) if each.name != view.name]
        _write(folder / FILE, [*kept, view])


def unpin(folder: Path, name: str) -> None:
    """Take a view out.

    Raises
    ------
    UnreadableFile
        The file cannot be read or written.
    """
    with _LOCK:
        _write(folder / FILE, [each for each in pins_in(folder) if each.name != name])


def _pin(told: Mapping[str, object]) -> Pin:
    texts = {key: str(told[key])[:longest] for key, longest in LONGEST.items()}
    query = told["query"]
    if not isinstance(query, dict):
        raise TypeError("the query is no object")
    return Pin(**texts, query={str(key): [str(one) for one in all_] for key, all_ in query.items()})


def _write(path: Path, views: Sequence[Pin]) -> None:
    """Write the whole file aside and move it into place."""
    text = json.dumps([asdict(each) for each in views], indent=1, ensure_ascii=False)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise UnreadableFile(
            f"cannot be written ({error.strerror})",
            where=str(path),
            next_step="copy the address of the page instead",
        ) from error
