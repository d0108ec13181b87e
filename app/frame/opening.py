"""What becomes of a path that is typed: it is opened, offers what it holds, or is refused."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import streamlit as st

from ngpt_inspect.errors import InspectError

from ..engine.tree import Leaf, leaves_once
from .parts import draw_all_again
from .session import REFUSED, Session, add, confined
from .text import plain

OFFERED = "offered"
"""Key of the paths in the folder that was typed last."""
EVERY = 2.0
"""Seconds between two looks into a folder that holds nothing yet."""
MOST = 3
"""Paths that may be meant."""


def take_path(root: Path) -> None:
    """Open the path in the box, or offer what the folder there holds."""
    text = st.session_state["path"].strip()
    st.session_state["path"] = ""
    st.session_state[REFUSED] = {}
    held = _held(text, root)
    st.session_state[OFFERED] = held
    if not held:
        add(text)


def _held(text: str, root: Path) -> list[str]:
    """Return what can be opened below a folder that is not one thing itself."""
    try:
        folder = Path(confined(text, root))
    except InspectError:
        return []
    if not text or not folder.is_dir():
        return []
    leaves, _ = leaves_once(str(folder))
    found = [leaf for leaf in leaves if not leaf.is_step]
    if any(leaf.path == "." for leaf in found):
        return []
    return [str((folder / leaf.path).relative_to(root)) for leaf in found]


def draw_refused(session: Session, root: Path) -> None:
    """Say over the whole width of the page what could not be opened, and what may be meant."""
    refused: dict[str, str] = st.session_state.get(REFUSED, {})
    for text, failure in refused.items():
        words, button = st.columns([12, 1], vertical_alignment="center")
        words.warning(plain(failure), icon=":material/error:")
        button.button(
            ":material/close:",
            key=f"dismiss {text}",
            help="Dismiss",
            type="tertiary",
            on_click=refused.pop,
            args=(text,),
        )
        meant = _meant(text, leaves_once(str(root))[0])
        if meant:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption("Did you mean", width="content")
                for path in meant:
                    _offer(path, text)
    for opened in session.opened:
        if opened.failure:
            st.warning(plain(opened.failure), icon=":material/error:")


def _offer(path: str, text: str) -> None:
    st.button(plain(path), key=f"meant {text} {path}", on_click=_take_meant, args=(path, text))


def _take_meant(path: str, text: str) -> None:
    st.session_state[REFUSED].pop(text, None)
    add(path)


def _meant(text: str, leaves: list[Leaf]) -> list[str]:
    """Return the paths that are spelled nearly so, whole or by their name."""
    spelled = {leaf.path.lower(): leaf.path for leaf in leaves}
    spelled |= {leaf.name.lower(): leaf.path for leaf in leaves}
    near = get_close_matches(text.lower(), spelled, n=MOST, cutoff=0.5)
    near += get_close_matches(Path(text).name.lower(), spelled, n=MOST, cutoff=0.6)
    return list(dict.fromkeys(spelled[each] for each in near))[:MOST]


def draw_waiting(session: Session) -> None:
    """Say which folders hold nothing yet, and look again until they do."""
    waiting = {each.path: each.name for each in session.opened if each.waits}
    if waiting:
        st.fragment(_look_again, run_every=EVERY)(waiting)


def _look_again(waiting: dict[str, str]) -> None:
    if any(any(not each.name.startswith(".") for each in _inside(path)) for path in waiting):
        draw_all_again()
    names = ", ".join(waiting.values())
    st.info(
        plain(f"{names}: nothing there yet. Looking again by itself."),
        icon=":material/hourglass_empty:",
    )


def _inside(path: str) -> list[Path]:
    try:
        return list(Path(path).iterdir())
    except OSError:
        return []
