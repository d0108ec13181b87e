"""The only caches: what is open, results, figures, health, and the server's store and workshop.

Keys are paths with the sizes and modification times of their files, never objects, so that a
file that changes is read again and one that does not is never measured twice. What lies behind
an address is known by its fingerprint, and looked at again after a while. All caches are bounded
and shared by all browser sessions.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import InspectError
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.figures.drawing.cells import framed
from ngpt_inspect.places import is_uri
from ngpt_inspect.plotting import drawn_rows, for_screen, joined, notes_of
from ngpt_inspect.plotting.choices import width_chosen
from ngpt_inspect.plotting.wide import WIDE, wide_table
from ngpt_inspect.run_status import RunStatus, run_status
from ngpt_inspect.runs import is_run, log_of, run_of, step_files
from ngpt_inspect.summary import health, last_losses
from ngpt_inspect.tokens import TokenTexts, token_texts, tokenizer_file
from ngpt_inspect.traces import Trace, read_trace

from .jobs import Workshop
from .press import Press
from .sent import Sent
from .stamps import Stamp, has_changed, stamp_of, stamp_with_log
from .store import Store, default_folder

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from ngpt_inspect.weights import WeightSet

ON_A_PAGE = 600
"""Pixels on paper for which figures of a page are laid out: wider ones lie in more room."""
PREVIEW = 400
"""Rows of a table that travel to the browser; the files to download have them all."""
BELIEVED = 120
"""Seconds for which a server is not asked again what lies at an address."""


def open_once(source: str) -> WeightSet:
    """Open a checkpoint, or return it as it was opened before if its files are the same.

    Raises
    ------
    InspectError
        As `open_checkpoint`.
    """
    if is_uri(source):
        found = _open_address(source)
        if isinstance(found, InspectError):
            raise copy(found)  # the kept one would gather a traceback each time
        return found
    path = _last_step(Path(source))
    state = str(path), stamp_of(path)
    found = _open(*state)
    if has_changed(found.contents):  # what a folder stands for may lie deeper than it shows
        _open.clear(*state)
        found = _open(*state)
    return found


def store() -> Store:
    """Return the store of measured tables."""
    return _store(str(default_folder()))


@st.cache_resource(show_spinner=False)
def workshop() -> Workshop:
    """Return the workshop that measures in the background."""
    return Workshop()


Frame = tuple[int, str, int | None]
"""Layer, role and head of the matrix whose cells stand in a frame."""


@dataclass(frozen=True)
class ShownFigure:
    """A figure as a page shows it. All sessions share it: nobody may change it."""

    figure: go.Figure
    notes: tuple[str, ...]
    rows: pd.DataFrame
    """What it was drawn from."""
    clicked: bool = False
    """Whether its points can be clicked."""

    @cached_property
    def sent(self) -> Sent:
        """The figure as it is given to streamlit."""
        return Sent(self.figure, clicked=self.clicked)

    @cached_property
    def first_rows(self) -> pd.DataFrame:
        """Those that are shown of them: single values first, which say more than long curves."""
        rows = self.rows
        if "index" in rows:
            rows = rows.sort_values("index", na_position="first", kind="stable")
        return rows.head(PREVIEW).dropna(axis="columns", how="all")


@st.cache_resource(max_entries=128, show_spinner=False)
def drawn(
    name: str,
    key: str,
    options: Mapping[str, Any],
    dark: bool,
    _table: Callable[[], pd.DataFrame],
    width: int | None = None,
    frame: Frame | None = None,
    clicked: bool = False,
) -> ShownFigure:
    """Draw a figure for the screen; `key` stands for the table, made where none is drawn yet."""
    if frame is not None:
        whole = drawn(name, key, options, dark, _table, width, clicked=clicked)
        return replace(whole, figure=framed(whole.figure, *frame))
    rows = drawn_rows(FIGURES[name], _table(), options)
    figure = FIGURES[name].draw(rows, **options, width=width or ON_A_PAGE)
    return ShownFigure(for_screen(figure, dark=dark), notes_of(figure), rows, clicked)


@st.cache_resource(max_entries=256, show_spinner=False)
def derived(what: str, key: tuple[Any, ...], _make: Callable[[], Any]) -> Any:
    """Return what is made of a table for a page; `what` and `key` stand for it.

    All sessions share it: nobody may change it.
    """
    return _make()


@st.cache_data(max_entries=64, max_size="50MB", show_spinner=False)
def health_once(
    key: str, _checkpoints: Sequence[WeightSet], _tables: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """Return the health that tables tell of; `key` stands for them."""
    return health(_checkpoints, joined(_tables, _checkpoints))


def losses_once(checkpoints: Sequence[WeightSet]) -> list[float]:
    """Return the validation losses of `last_losses`; none at all if a log cannot be read."""
    runs = [run_of(Path(each.contents.source)) for each in checkpoints]
    logs = [None if run is None else log_of(run) for run in runs]
    stamps = tuple(() if log is None else stamp_of(log) for log in logs)
    return _losses(tuple(each.contents.source for each in checkpoints), stamps, checkpoints)


@st.cache_data(max_entries=64, show_spinner=False)
def _losses(
    sources: tuple[str, ...], stamps: tuple[Stamp, ...], _checkpoints: Sequence[WeightSet]
) -> list[float]:
    try:
        return last_losses(_checkpoints)
    except InspectError:
        return [math.nan] * len(_checkpoints)  # the page of training says what is wrong


@st.cache_resource(max_entries=32, show_spinner=False)
def on_paper(
    name: str, key: str, options: Mapping[str, Any], width: str, _table: pd.DataFrame
) -> ShownFigure:
    """Draw a figure as it prints, ``one`` or ``two`` columns wide; `key` stands for the table."""
    rows = drawn_rows(FIGURES[name], _table, options)
    figure = FIGURES[name].draw(rows, **width_chosen(width), **options)
    return ShownFigure(figure, notes_of(figure), rows)


@st.cache_data(max_entries=64, max_size="200MB", show_spinner=False)
def file_of(name: str, look: tuple[Any, ...], kind: str, _figure: go.Figure) -> bytes:
    """Return a figure as a file; `look` stands for what it shows, and how."""
    return press().print(_figure, kind, name)


@st.cache_resource(show_spinner=False)
def press() -> Press:
    """Return what makes images: one browser for all sessions."""
    return Press()


def wide_once(name: str, places: Sequence[str]) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """Return a wide table of those places that are for it, what names it, and those places.

    Raises
    ------
    InspectError
        As `wide_table`.
    """
    local = (place for place in places if not is_uri(place))
    taken = tuple(place for place in local if WIDE[name].takes(place))
    stamps = tuple(stamp_with_log(Path(place)) for place in taken)
    key = sha256(repr((name, taken, stamps)).encode()).hexdigest()
    return _wide(name, taken, key), key, taken


@st.cache_data(max_entries=64, max_size="200MB", show_spinner=False)
def _wide(name: str, places: tuple[str, ...], key: str) -> pd.DataFrame:
    return wide_table(name, places)


@st.cache_resource(
    scope="session", show_spinner=False, on_release=tempfile.TemporaryDirectory.cleanup
)
def private_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder of this browser session's own, removed when the session or server ends."""
    return tempfile.TemporaryDirectory(prefix="ngpt-inspect-")


def texts_once(checkpoint: WeightSet) -> TokenTexts:
    """Return the texts of a checkpoint's tokens, read once for each state of the file."""
    source = checkpoint.contents.source
    file = tokenizer_file(source)
    return _texts(source, () if file is None else stamp_of(file))


def trace_file_once(path: str) -> Trace:
    """Read a trace, once for each state of the file.

    Raises
    ------
    InspectError
        As `read_trace`.
    """
    return _trace_file(path, stamp_of(Path(path)))


@st.cache_resource(max_entries=32, show_spinner=False)
def _trace_file(source: str, stamp: Stamp) -> Trace:
    return read_trace(source)


@st.cache_resource(max_entries=32, show_spinner=False)
def made_trace_once(key: tuple[Any, ...], _make: Callable[[], Trace]) -> Trace:
    """Return what running a model gives; `key` stands for the model and what it is run on."""
    return _make()


def status_once(folder: Path) -> RunStatus:
    """Return how far the run in a folder is; read again when a file in it changes.

    Raises
    ------
    InspectError
        As `run_status`.
    """
    return _status(str(folder), stamp_with_log(folder))


def _last_step(path: Path) -> Path:
    """Return the last checkpoint of a run: its folder changes with every line it logs."""
    return list(step_files(path).values())[-1] if path.is_dir() and is_run(path) else path


@st.cache_resource(max_entries=256, ttl=BELIEVED, show_spinner=False)
def _open_address(address: str) -> WeightSet | InspectError:
    """Open what lies behind an address, or return why not: neither is asked for at every click."""
    try:
        return open_checkpoint(address)
    except InspectError as error:
        return error


@st.cache_resource(max_entries=256, show_spinner=False)
def _open(path: str, stamp: Stamp) -> WeightSet:
    return open_checkpoint(path)


@st.cache_resource(max_entries=16, show_spinner=False)
def _texts(source: str, stamp: Stamp) -> TokenTexts:
    return token_texts(source)


@st.cache_data(max_entries=64, show_spinner=False)
def _status(folder: str, stamp: Stamp) -> RunStatus:
    return run_status(Path(folder))


@st.cache_resource(max_entries=2, show_spinner=False)
def _store(folder: str) -> Store:
    return Store(Path(folder))
