"""Which checkpoints lie in a folder, and which of them are whole."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import InspectError
from ngpt_inspect.finding import found_below
from ngpt_inspect.runs import is_run, step_files, step_of
from ngpt_inspect.weights import WeightSet

SETTLED = 5.0
"""Seconds without a change of names, sizes or times after which a checkpoint counts as written."""
DEEP = 2
"""Folders below the one that is watched in which runs are looked for."""

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of change of every file of a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A checkpoint that was written to its end, open."""

    path: Path
    checkpoint: WeightSet
    stamp: Stamp


class Looking:
    """What is in a folder, look by look.

    A checkpoint is whole when nothing of it changed for `settled` seconds and its headers can be
    read: those of every format here tell a file that was cut short. Reads only.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settled: float = SETTLED,
        now: Callable[[], float] = time.time,
        open_: Callable[[Path], WeightSet] = open_checkpoint,
    ) -> None:
        self.folder = folder
        self.settled = settled
        self._now = now
        self._open = open_
        self._seen: dict[Path, tuple[Stamp, float]] = {}
        self._done: dict[Path, Stamp] = {}
        self.refused: dict[Path, str] = {}
        """Why what is written to its end cannot be opened."""
        self.pending: tuple[Path, ...] = ()
        """What was still being written at the last look."""

    def look(self) -> Iterator[Candidate]:
        """Yield the checkpoints that are whole and not yet `done`, in the order of their steps."""
        pending = []
        for path in self.paths():
            stamp = stamp_of(path)
            if self._done.get(path) == stamp:
                continue
            if not stamp or not self._is_still(path, stamp):
                pending.append(path)
                continue
            try:
                checkpoint = self._open(path)
            except (InspectError, OSError) as error:
                self.refused[path] = str(error)
                self._done[path] = stamp
                continue
            self.refused.pop(path, None)
            yield Candidate(path=path, checkpoint=checkpoint, stamp=stamp)
        self.pending = tuple(pending)

    def done(self, candidate: Candidate) -> bool:
        """Pass over a candidate until it changes; tell whether it is still as it was opened."""
        if stamp_of(candidate.path) != candidate.stamp:
            return False
        self._done[candidate.path] = candidate.stamp
        return True

    def paths(self) -> list[Path]:
        """Return what looks like a checkpoint, run by run, by step."""
        if not self.folder.is_dir():
            return []
        try:
            if steps := step_files(self.folder):
                return list(steps.values())
            found = [self.folder / each for each in found_below(self.folder, depth=DEEP).paths]
            return [path for each in found for path in _of(each)]
        except (InspectError, OSError):  # a folder that changes while it is looked at
            return []

    def _is_still(self, path: Path, stamp: Stamp) -> bool:
        """Tell whether nothing changed for long enough, by the files' times or by two looks."""
        now = self._now()
        before, since = self._seen.get(path, (None, now))
        if before != stamp:
            since = now
            self._seen[path] = (stamp, since)
        newest = max(changed for _, _, changed in stamp) / 1e9
        return now - since >= self.settled or now - newest >= self.settled


def _of(path: Path) -> list[Path]:
    if path.is_dir() and is_run(path):
        return list(step_files(path).values())
    return [path] if path.is_file() or step_of(path) is not None or path.is_dir() else []


def stamp_of(path: Path) -> Stamp:
    """Return names, sizes and times of change of a file, or of all files in a folder."""
    try:
        inside = [path] if path.is_file() else sorted(_files(path))
        told = [(each, each.stat()) for each in inside]
    except OSError:  # being replaced right now
        return ()
    return tuple((str(each), info.st_size, info.st_mtime_ns) for each, info in told)


def _files(folder: Path) -> Iterator[Path]:
    for above, _, names in os.walk(folder):
        yield from (Path(above, name) for name in names)
