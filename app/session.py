"""What this browser session looks at: checkpoints, runs and results, and where it got them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.arguments import Arguments
from app.loading import open_once
from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.results import holds_weights
from ngpt_inspect.runs import METRICS, is_run

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

QUERY = "open"
"""The address of the page repeats this key for every path opened from the page."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """What could be opened, and one sentence for each that could not."""

    checkpoints: tuple[WeightSet, ...]
    places: tuple[str, ...]
    """Every path that could be opened, as a path: also training results, and the folders of runs
    that have no checkpoint yet."""
    failures: tuple[str, ...]


def added() -> list[str]:
    """Return the paths opened from the page, first those of the address it was reached by."""
    paths: list[str] = st.session_state.setdefault("added", st.query_params.get_all(QUERY))
    return paths


def add(text: str) -> None:
    """Open one more path."""
    if text and text not in added():
        added().append(text)


def close(text: str) -> None:
    """Forget a path that was opened from the page."""
    added().remove(text)


def load(arguments: Arguments) -> Session:
    """Open all that was asked for; whatever fails leaves the others as they are."""
    if st.query_params.get_all(QUERY) != added():
        st.query_params[QUERY] = added()
    opened: list[WeightSet] = []
    places: list[str] = []
    failures: list[str] = []
    named = dict.fromkeys(arguments.checkpoints)
    for text in [*named, *(path for path in added() if path not in named)]:
        try:
            path = text if text in named else _confined(text, arguments.root)
            if not _has_no_weights(Path(path)):
                opened.append(open_once(path))
            places.append(path)
        except InspectError as error:
            failures.append(str(error))
    session = Session(
        checkpoints=tuple(distinct(opened)), places=tuple(places), failures=tuple(failures)
    )
    st.session_state["session"] = session
    return session


def current() -> Sequence[WeightSet]:
    """Return the open checkpoints, for a page to show."""
    session: Session = st.session_state["session"]
    return session.checkpoints


def current_places() -> Sequence[str]:
    """Return the paths of all that is open: what `training_results` takes."""
    session: Session = st.session_state["session"]
    return session.places


def _has_no_weights(path: Path) -> bool:
    """Tell results, and the folder of a run before its first checkpoint, from checkpoints."""
    young_run = (path / METRICS).is_file() and not is_run(path)
    return path.exists() and (young_run or not holds_weights(path))


def _confined(text: str, root: Path) -> str:
    """Return the path that was typed into the page, if it may be opened from there.

    Raises
    ------
    WrongOption
        It lies outside the root.
    """
    path = (root / Path(text).expanduser()).resolve()
    if not path.is_relative_to(root):
        raise WrongOption(
            "lies outside the folder this dashboard may open",
            where=text,
            next_step="start it with --root FOLDER, or name the checkpoint after --",
        )
    return str(path)
