"""The contract of this room: a tracker opens a log, and a log takes numbers and histograms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol

from ngpt_inspect.errors import InspectError, MissingLibrary, WrongOption
from ngpt_inspect.later.numpy import np
from ngpt_inspect.naming import named


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts in bins, and the moments of the values that were counted."""

    edges: tuple[float, ...]
    """One more than counts, rising."""
    counts: tuple[float, ...]
    mean: float
    std: float


@dataclass(frozen=True, kw_only=True)
class LoggedFigure:
    """A figure, as a tracker can have it."""

    figure: Any
    """Of plotly."""
    png: Callable[[], bytes]
    """Makes an image of it, with a browser."""

    def pixels(self) -> np.ndarray:
        """Return heights, widths and red, green and blue, in 8 bits."""
        from io import BytesIO

        from PIL import Image  # which trackers that take images need themselves

        return np.asarray(Image.open(BytesIO(self.png())).convert("RGB"))


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What a tracker is told of one checkpoint."""

    run: str
    step: int
    scalars: Mapping[str, float] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    figures: Mapping[str, LoggedFigure] = field(default_factory=dict)


class Log(Protocol):
    """An open log of one run."""

    def take(self, moment: Moment) -> None:
        """Take all that belongs to one step."""


@dataclass(frozen=True, kw_only=True)
class Tracker:
    """A tracker: its package, and how a log of a run is opened."""

    name: str
    title: str
    package: str
    """What is imported; the extra of this package has the tracker's name."""
    where: str
    """What the place is: ``folder``, ``project``."""
    open: Callable[[str, str], AbstractContextManager[Log]]
    """``open(where, run)``: a log of a run by its name; the same name goes on in the same run."""
    place_needed: bool = False
    """Whether there is no place by default."""
    images: bool = False
    """Whether it takes figures as images alone, which a browser makes."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A tracker and a place in it."""

    tracker: Tracker
    where: str

    def __str__(self) -> str:
        """As it is typed: ``tensorboard=logs``."""
        return f"{self.tracker.name}={self.where}" if self.where else self.tracker.name

    def require(self) -> None:
        """Refuse at once what could not be logged to after hours of measuring.

        Raises
        ------
        MissingLibrary
            The tracker's package is not installed.
        """
        if find_spec(self.tracker.package) is None:
            raise self._missing()

    def _missing(self) -> MissingLibrary:
        return MissingLibrary(
            f"{self.tracker.title} needs {self.tracker.package}",
            next_step=f"pip install 'ngpt-inspect[{self.tracker.name}]'",
        )

    def take(self, run: str, moments: Iterable[Moment]) -> None:
        """Log a run, step by step.

        Raises
        ------
        MissingLibrary
            The tracker's package is not installed.
        InspectError
            The tracker refuses.
        """
        try:
            with self.tracker.open(self.where, run) as log:
                for each in moments:
                    log.take(each)
        except ImportError:
            raise self._missing() from None
        except Exception as error:  # each tracker has types of its own
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InspectError(
                f"does not take the numbers ({said})",
                where=str(self),
                next_step="see that it can be reached and written to, then `ngpt-inspect export`",
            ) from None


def destination(word: str, there: Mapping[str, Tracker], where: str | None = None) -> Destination:
    """Return what ``tensorboard=logs`` names.

    Raises
    ------
    WrongOption
        There is no such tracker, or it needs a place and has none.
    """
    name, _, place = word.partition("=")
    tracker = named(name, there, "tracker", where="--to")
    place = where or place
    if tracker.place_needed and not place:
        raise WrongOption(
            f"{tracker.title} needs a {tracker.where}",
            where="--to",
            next_step=f"say {tracker.name}=logs",
        )
    return Destination(tracker=tracker, where=place)
