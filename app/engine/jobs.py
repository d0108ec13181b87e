"""Work in the background: one thing at a time, each thing once, for all browser sessions."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable
from enum import StrEnum
from itertools import count
from queue import PriorityQueue

from ngpt_inspect.errors import InspectError
from ngpt_inspect.tables import Progress

LITTLE = 0.01
"""Share of a job that has to be done before its pace says how long the rest takes."""
MOST_ENDED = 256
"""Failed and stopped jobs that are remembered."""

log = logging.getLogger(__name__)


class State(StrEnum):
    """Where a job is on its way."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class _Stopped(Exception):
    """Unwinds a job that was asked to stop."""


class BackgroundJob:
    """One piece of work, how far it is, and how it ended.

    Parameters
    ----------
    title
        What is being done, for people: ``Condition numbers of ngpt``.
    work
        Does it and keeps what comes of it; calls its argument with (done, in all) on the way.
    """

    def __init__(self, title: str, work: Callable[[Progress], None]) -> None:
        self.title, self.state, self.error = title, State.WAITING, ""
        self.done, self.total = 0.0, 0.0
        self._work, self._started = work, 0.0
        self._stop, self._ended = threading.Event(), threading.Event()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self._ended.is_set()

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0

    def remaining(self) -> float | None:
        """Return the seconds still to go at the pace so far; None while that says nothing.

        So little is done that any pace may come of it, or all is and the result is being kept.
        """
        if self.state is not State.RUNNING or not LITTLE <= self.share < 1:
            return None
        return (time.monotonic() - self._started) * (self.total - self.done) / self.done

    def due(self) -> float:
        """Return the seconds after which it may have ended: little at first, then ever more."""
        if self.state is not State.RUNNING:
            return math.inf
        taken = time.monotonic() - self._started
        return min(taken / 4, self.remaining() or math.inf)

    def stop(self) -> None:
        """Ask it to end, at the next word it gives of how far it is."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, at most so long; return whether it has."""
        return self._ended.wait(seconds)

    def run(self) -> None:
        """Do the work, in the thread that calls."""
        self._started = time.monotonic()
        self.state = State.RUNNING
        try:
            self._progress(0, 0)
            self._work(self._progress)
            state = State.DONE
        except _Stopped:
            state = State.STOPPED
        except InspectError as error:
            self.error, state = str(error), State.FAILED
        except Exception as error:
            log.exception("%s failed", self.title)
            self.error, state = f"{self.title}: a fault of ours ({error!r})", State.FAILED
        self.state = state
        self._ended.set()

    def _progress(self, done: float, total: float) -> None:
        if self._stop.is_set():
            raise _Stopped
        self.done, self.total = done, total


class Workshop:
    """Runs jobs one after another in a thread of its own; equal keys are one job."""

    def __init__(self) -> None:
        self._jobs: dict[Hashable, BackgroundJob] = {}
        self._queue: PriorityQueue[tuple[float, int, Hashable, BackgroundJob]] = PriorityQueue()
        self._counted = count()  # unlike any other: what comes after it is never compared
        self._lock = threading.Lock()
        threading.Thread(target=self._run, daemon=True, name="workshop").start()

    def ask(
        self,
        key: Hashable,
        title: str,
        work: Callable[[Progress], None],
        *,
        seconds: Callable[[], float] = lambda: math.inf,
    ) -> BackgroundJob:
        """Return the job of this key: waiting, running, stopped or failed; else a new one.

        Of all that wait the one is done next that is expected to take the least `seconds`; one of
        which that is not known, after those of which it is.
        """
        with self._lock:
            if key not in self._jobs:
                job = BackgroundJob(title, work)
                self._queue.put((seconds(), next(self._counted), key, job))
                self._jobs[key] = job
            return self._jobs[key]

    def forget(self, job: BackgroundJob) -> None:
        """Forget how a job ended, so that it can be asked for again."""
        with self._lock:
            self._jobs = {key: each for key, each in self._jobs.items() if each is not job}

    def _run(self) -> None:
        while True:
            *_, key, job = self._queue.get()
            job.run()
            with self._lock:
                if job.state is State.DONE:
                    self._jobs.pop(key, None)
                ended = [each for each, job in self._jobs.items() if job.ended]
                for old in ended[:-MOST_ENDED]:
                    del self._jobs[old]
