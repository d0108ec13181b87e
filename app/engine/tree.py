"""What lies below the root, as the left column lists it: runs, their steps, models, results."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import streamlit as st

from ngpt_inspect.finding import found_below
from ngpt_inspect.runs import is_run, step_files

MOST_STEPS = 400
"""Steps of one run that a search finds."""
FRESH = 10.0
"""Seconds for which a folder is not looked at again."""
PATIENCE = 0.1
"""Seconds that a page waits for a folder that is looked at again: most are read in them."""


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One thing that can be opened."""

    path: str
    """Relative to the root."""
    kind: str
    """What it is, for people."""
    is_step: bool = False
    """A step of a run: only a search shows it, for a run may have thousands."""

    @property
    def folder(self) -> str:
        """Where it lies."""
        return str(PurePosixPath(self.path).parent)

    @property
    def name(self) -> str:
        """What it is called there."""
        return PurePosixPath(self.path).name

    def matches(self, words: str) -> bool:
        """Tell whether every word is part of the path; no words find all but steps."""
        wanted = words.lower().split()
        return all(word in self.path.lower() for word in wanted) and bool(
            wanted or not self.is_step
        )


Found = tuple[list[Leaf], str]
"""What can be opened, and why there may be more."""


class Listing:
    """What lies below a folder: looked at again now and then, for which no page waits long."""

    def __init__(self, look: Callable[[], Found]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._take()

    def now(self) -> Found:
        """Return what was there some seconds ago; a page that asks late has it looked at again."""
        if time.monotonic() - self._looked > FRESH and self._lock.acquire(blocking=False):
            looking = threading.Thread(target=self._again, daemon=True, name="tree")
            looking.start()
            looking.join(PATIENCE)
        return self._found

    def _again(self) -> None:
        try:
            self._take()
        finally:
            self._lock.release()

    def _take(self) -> None:
        self._found = self._look()
        self._looked = time.monotonic()


@st.cache_resource(max_entries=16, show_spinner=False)
def _listing(root: str) -> Listing:
    return Listing(partial(_look, root))


def leaves_once(root: str) -> Found:
    """Return what lies below a folder, as it was a while ago, and why there may be more."""
    return _listing(root).now()


def _look(root: str) -> Found:
    found = found_below(Path(root))
    leaves = [leaf for path in found.paths for leaf in _leaves(Path(root), path)]
    return sorted(leaves, key=lambda leaf: (leaf.folder, leaf.name)), found.cut


def _leaves(root: Path, path: str) -> list[Leaf]:
    place = root / path
    if place.suffix.lower() == ".csv":
        return [Leaf(path=path, kind="results")]
    if not place.is_dir():
        return [Leaf(path=path, kind="file")]
    if not is_run(place):
        young = not any(place.glob("*.safetensors"))
        return [Leaf(path=path, kind="run, no step yet" if young else "model")]
    steps = step_files(place)
    files = list(steps.values())[-MOST_STEPS:]
    inside = [str(each.relative_to(root)) for each in files]
    run = Leaf(path=path, kind=f"run, {len(steps)} steps")
    return [run, *(Leaf(path=each, kind="step", is_step=True) for each in inside)]
