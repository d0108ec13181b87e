"""What callbacks share: a run that is followed from elsewhere while it trains."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ngpt_inspect.errors import InspectError
from ngpt_inspect.naming import several
from ngpt_inspect.places import is_uri
from ngpt_inspect.rules.reading import rules_of
from ngpt_inspect.tables.asked import measures_named
from ngpt_inspect.trackers import destinations
from ngpt_inspect.watching import Ledger, Looking, Watch, table_of

logger = logging.getLogger("ngpt_inspect")
LOWEST = 19
"""How far a thread steps back behind those that train."""


class Manner(StrEnum):
    """Who measures."""

    PROCESS = "process"
    """``ngpt-inspect watch``, started once: nothing is computed in the training process."""
    THREAD = "thread"
    """A thread of this process at the lowest priority, for where no process can be started."""


@dataclass(kw_only=True)
class Following:
    """Follows the folder of a run from the first checkpoint on. Training never waits for it.

    What goes wrong is a line in the log `ngpt_inspect`, never an exception in the loop.
    """

    manner: str = Manner.PROCESS
    table: Path | str | None = None
    """By default ``RUN.ngpt-inspect.parquet`` beside the run."""
    rules: Path | str | None = None
    to: str | Sequence[str] = ()
    """Trackers: ``tensorboard=logs``, ``wandb=project``, ..."""
    measures: str | Sequence[str] = ()
    """Measures beside those that the rules read."""
    every: float = 5.0
    """Seconds between looks of a process."""
    settled: float = 2.0
    """Seconds without a change that make a checkpoint whole, for a process."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _watch: Watch | None = field(default=None, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _told: threading.Event = field(default_factory=threading.Event, init=False)
    _ended: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Refuse at once, before hours of training, what could not be followed.

        Raises
        ------
        InspectError
            No such rules, tracker, measure or manner.
        """
        self.manner = Manner(self.manner)
        rules_of(self.rules)
        self.to = several(self.to, what="a tracker")
        destinations(self.to)
        self.measures = [each.name for each in measures_named(self.measures)]

    def tell(self, folder: Path | str) -> None:
        """Say that a checkpoint was saved in the folder of a run."""
        if is_uri(str(folder)):
            logger.warning("%s: only runs on this machine are followed", folder)
            return
        try:
            if self.manner == Manner.PROCESS:
                self._start_process(Path(folder))
            else:
                self._start_thread(Path(folder))
        except (InspectError, OSError) as error:
            logger.warning("not followed: %s", error)
        self._told.set()

    def finish(self, patience: float | None = 60.0) -> None:
        """Let a thread look once more, for so many seconds at most; a process does so by itself."""
        self._ended = True
        self._told.set()
        if self._thread is not None:
            self._thread.join(patience)

    def command(self, folder: Path) -> list[str]:
        """Return what a process is started with."""
        words = [sys.executable, "-m", "ngpt_inspect", "watch", str(folder.absolute()), "--quiet"]
        words += ["--parent", str(os.getpid()), "--every", str(self.every)]
        words += ["--settled", str(self.settled)]
        words += [] if self.table is None else ["--table", str(Path(self.table).absolute())]
        words += [] if self.rules is None else ["--rules", str(Path(self.rules).absolute())]
        words += ["--measures", ",".join(self.measures)] if self.measures else []
        return words + [word for each in self.to for word in ("--to", each)]

    def _start_process(self, folder: Path) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        # A session of its own: Ctrl-C in the training's terminal leaves it its last look. No GPU:
        # that one is training.
        self._process = subprocess.Popen(
            self.command(folder),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )

    def _start_thread(self, folder: Path) -> None:
        if self._thread is not None:
            return
        self._watch = Watch(
            looking=Looking(folder, settled=0),  # whoever tells has written it
            ledger=Ledger(table_of(folder) if self.table is None else Path(self.table)),
            rules=rules_of(self.rules),
            measures=self.measures,
            destinations=destinations(self.to),
            workers=1,
        )
        self._thread = threading.Thread(target=self._look, name="ngpt-inspect", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        """Look whenever somebody told, until the end."""
        assert self._watch is not None, "a thread has a watch"
        step_back()
        while True:
            self._told.wait()
            self._told.clear()
            ended = self._ended
            try:
                for line in self._watch.look():
                    logger.info("%s", line)
            except Exception:  # the loop goes on, whatever happens here
                logger.exception("a checkpoint was not measured")
            if ended:
                return


def step_back() -> None:
    """Give this thread the lowest priority, where threads have one."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
