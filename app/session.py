"""The checkpoints this browser session looks at, and where it got them from."""

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

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

QUERY = "open"
"""The address of the page repeats this key for every checkpoint opened from the page."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """What could be opened, and one sentence for each that could not."""

    checkpoints: tuple[WeightSet, ...]
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
    failures: list[str] = []
    named = dict.fromkeys(arguments.checkpoints)
    for text in [*named, *(path for path in added() if path not in named)]:
        try:
            path = text if text in named else _confined(text, arguments.root)
            opened.append(open_once(path))
        except InspectError as error:
            failures.append(str(error))
    session = Session(checkpoints=tuple(distinct(opened)), failures=tuple(failures))
    st.session_state["session"] = session
    return session


def current() -> Sequence[WeightSet]:
    """Return the open checkpoints, for a page to show."""
    session: Session = st.session_state["session"]
    return session.checkpoints


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
