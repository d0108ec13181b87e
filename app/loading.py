"""The only cached functions: open checkpoints, and the rows that figures are drawn from.

Keys are paths with the sizes and modification times of their files, never objects, so that a
file that changes is read again and one that does not is never measured twice. Both caches are
bounded and shared by all browser sessions.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.gallery import thinned
from ngpt_inspect.runs import is_run, step_files
from ngpt_inspect.tables import measure

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and modification time in nanoseconds of each file of a checkpoint."""


def open_once(path: str) -> WeightSet:
    """Open a checkpoint, or return it as it was opened before if its files are the same.

    Raises
    ------
    InspectError
        As `open_checkpoint`.
    """
    source = _last_step(Path(path))
    return _open(str(source), stamp_of(source))


def measure_once(checkpoint: WeightSet, name: str) -> pd.DataFrame:
    """Return the rows of one measure, summaries in the place of the many values behind them.

    Raises
    ------
    InspectError
        As `measure`.
    """
    source = checkpoint.contents.source
    return _measure(source, stamp_of(Path(source)), checkpoint.label, name)


def stamp_of(path: Path) -> Stamp:
    """Return what changes when the files of a checkpoint do.

    Raises
    ------
    UnreadableFile
        There is nothing at this path.
    """
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        stats = [(each.name, each.stat()) for each in files if not each.is_dir()]
    except OSError as error:
        raise UnreadableFile(
            f"cannot be read ({error.strerror})", where=str(path), next_step="check the path"
        ) from error
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def _last_step(path: Path) -> Path:
    """Return the last checkpoint of a run: its folder changes with every line it logs."""
    return list(step_files(path).values())[-1] if path.is_dir() and is_run(path) else path


@st.cache_resource(max_entries=32, show_spinner=False)
def _open(path: str, stamp: Stamp) -> WeightSet:
    return open_checkpoint(path)


@st.cache_data(max_entries=256, max_size="500MB", show_spinner=False)
def _measure(path: str, stamp: Stamp, label: str, name: str) -> pd.DataFrame:
    return thinned(measure(replace(_open(path, stamp), label=label), name))
