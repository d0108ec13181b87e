"""The only caches: open checkpoints, figures, health, and the server's store and workshop.

Keys are paths with the sizes and modification times of their files, never objects, so that a
file that changes is read again and one that does not is never measured twice. All caches are
bounded and shared by all browser sessions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app.jobs import Workshop
from app.store import Store, default_folder
from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import UnreadableFile, WrongOption
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.finding import Found, found_below
from ngpt_inspect.gallery import drawn_rows, for_screen, joined, notes_of
from ngpt_inspect.runs import is_run, step_files
from ngpt_inspect.summary import health
from ngpt_inspect.tables.tokens import joined_tokens
from ngpt_inspect.tokens import TokenTexts, token_texts, tokenizer_file
from ngpt_inspect.traces import Trace, path, read_trace

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

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


def store() -> Store:
    """Return the store of measured tables."""
    return _store(str(default_folder()))


@st.cache_resource(show_spinner=False)
def workshop() -> Workshop:
    """Return the workshop that measures in the background."""
    return Workshop()


@dataclass(frozen=True)
class Drawn:
    """A figure as a page shows it. All sessions share it: nobody may change it."""

    figure: go.Figure
    notes: tuple[str, ...]
    rows: pd.DataFrame
    """What it was drawn from."""


@st.cache_resource(max_entries=64, show_spinner=False)
def drawn(
    name: str, key: str, options: Mapping[str, Any], dark: bool, _table: pd.DataFrame
) -> Drawn:
    """Draw a figure for the screen; `key` stands for the table."""
    rows = drawn_rows(FIGURES[name], _table)
    figure = FIGURES[name].draw(rows, **options)
    return Drawn(for_screen(figure, dark=dark), notes_of(figure), rows)


@st.cache_data(max_entries=64, max_size="50MB", show_spinner=False)
def health_once(
    key: str, _checkpoints: Sequence[WeightSet], _tables: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """Return the health that tables tell of; `key` stands for them."""
    return health(_checkpoints, joined(_tables, _checkpoints))


@st.cache_resource(
    scope="session", show_spinner=False, on_release=tempfile.TemporaryDirectory.cleanup
)
def private_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder of this browser session's own, removed when the session or server ends."""
    return tempfile.TemporaryDirectory(prefix="ngpt-inspect-")


@st.cache_data(max_entries=16, ttl=10, show_spinner=False)
def found_once(root: str) -> Found:
    """Return the checkpoints and runs below a folder, as they were at most 10 s ago."""
    return found_below(Path(root))


def texts_once(checkpoint: WeightSet) -> TokenTexts:
    """Return the texts of a checkpoint's tokens, read once for each state of the file."""
    source = checkpoint.contents.source
    file = tokenizer_file(source)
    return _texts(source, () if file is None else stamp_of(file))


@st.cache_resource(max_entries=16, show_spinner=False)
def tokens_once(
    key: str, label: str, _tables: Sequence[pd.DataFrame], _texts: TokenTexts
) -> pd.DataFrame:
    """Join what is known of single tokens; `key` stands for the tables and the texts.

    All sessions share the table: nobody may change it.
    """
    return joined_tokens(_tables, {label: _texts})


def trace_once(checkpoint: WeightSet, prompt: str) -> Trace:
    """Run a checkpoint of `reference_model` on a prompt, once for each state of its files.

    Raises
    ------
    InspectError
        It cannot be run, has no tokenizer beside it, or the prompt does not suit it.
    """
    source = Path(checkpoint.contents.source)
    tokenizer = source.parent / "tokenizer.json"
    beside = stamp_of(tokenizer) if tokenizer.is_file() else ()
    trace = _trace(str(source), stamp_of(source) + beside, prompt)
    return replace(trace, about=replace(trace.about, checkpoint=checkpoint.label))


def trace_file_once(path: str) -> Trace:
    """Read a trace, once for each state of the file.

    Raises
    ------
    InspectError
        As `read_trace`.
    """
    return _trace_file(path, stamp_of(Path(path)))


@st.cache_resource(max_entries=32, show_spinner=False)
def path_once(key: str, _traces: Sequence[Trace]) -> pd.DataFrame:
    """Compute the path table of traces; `key` stands for them. Nobody may change it."""
    return path(_traces)


@st.cache_resource(max_entries=32, show_spinner="Running the model on the prompt.")
def _trace(source: str, stamp: Stamp, prompt: str) -> Trace:
    from reference_model.errors import UsageError  # torch is imported here
    from reference_model.trace import write_trace

    with tempfile.TemporaryDirectory(prefix="ngpt-inspect-") as folder:
        try:
            file = write_trace(Path(source), prompt, Path(folder) / "trace.safetensors")
        except UsageError as error:
            raise WrongOption(str(error)) from error
        return replace(read_trace(file), source=source)


@st.cache_resource(max_entries=32, show_spinner=False)
def _trace_file(source: str, stamp: Stamp) -> Trace:
    return read_trace(source)


def _last_step(path: Path) -> Path:
    """Return the last checkpoint of a run: its folder changes with every line it logs."""
    return list(step_files(path).values())[-1] if path.is_dir() and is_run(path) else path


@st.cache_resource(max_entries=256, show_spinner=False)
def _open(path: str, stamp: Stamp) -> WeightSet:
    return open_checkpoint(path)


@st.cache_resource(max_entries=16, show_spinner=False)
def _texts(source: str, stamp: Stamp) -> TokenTexts:
    return token_texts(source)


@st.cache_resource(max_entries=2, show_spinner=False)
def _store(folder: str) -> Store:
    return Store(Path(folder))
