"""Where numbers go: one walker over the tidy table, one file a tracker."""

from collections.abc import Iterable

from ngpt_inspect.plugins import collect
from ngpt_inspect.trackers._tracker import (
    Destination,
    LoggedFigure,
    Moment,
    Tracker,
    destination,
)
from ngpt_inspect.trackers._walking import condensed, log_table, walk

TRACKERS: dict[str, Tracker] = collect(__name__, __path__, Tracker)
"""Every tracker by name."""


def destinations(words: Iterable[str], where: str | None = None) -> list[Destination]:
    """Return what ``tensorboard=logs`` and others name, each with its package installed.

    Raises
    ------
    WrongOption
        There is no such tracker, or it needs a place and has none.
    MissingLibrary
        A tracker's package is not installed.
    """
    found = [destination(word, TRACKERS, where) for word in words]
    for each in found:
        each.require()
    return found


__all__ = [
    "TRACKERS",
    "Destination",
    "LoggedFigure",
    "Moment",
    "Tracker",
    "condensed",
    "destinations",
    "log_table",
    "walk",
]
