"""Where numbers go: one walker over the tidy table, one file a tracker."""

from ngpt_inspect.plugins import collect
from ngpt_inspect.trackers._tracker import Destination, Histogram, Log, Moment, Tracker, destination
from ngpt_inspect.trackers._walking import condensed, log_table, walk

TRACKERS: dict[str, Tracker] = collect(__name__, __path__, Tracker)
"""Every tracker by name."""

__all__ = [
    "TRACKERS",
    "Destination",
    "Histogram",
    "Log",
    "Moment",
    "Tracker",
    "condensed",
    "destination",
    "log_table",
    "walk",
]
