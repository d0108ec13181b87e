"""The left column: what is open, in the colours of the figures, and ways to open more."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from ngpt_inspect.places import is_uri
from ngpt_inspect.plotting import colors

from ..engine.loading import found_once
from .session import Opened, Session, add, close, closed
from .text import plain
from .uploads import draw_uploader


def draw_sidebar(session: Session, root: Path) -> None:
    """Draw what is open with a button to close each, and the three ways to open more."""
    shades = iter(colors(session.checkpoints))
    with st.sidebar:
        st.markdown("**Open**" if session.opened else "**Nothing open yet**")
        for opened in session.opened:
            color = "" if opened.checkpoint is None else next(shades)
            _draw_opened(opened, color)
        for text in closed():
            st.button(
                f"Open {plain(Path(text).name)} again",
                key=f"again {text}",
                type="tertiary",
                icon=":material/undo:",
                on_click=add,
                args=(text,),
            )
        _draw_path_box(root)
        _draw_found(session, root)
        draw_uploader()


def _draw_opened(opened: Opened, color: str) -> None:
    """Draw one thing that was asked for: its chip, or why it has none, and how to close it."""
    words, button = st.columns([7, 1], vertical_alignment="center", gap="small")
    checkpoint = opened.checkpoint
    if opened.failure:
        words.warning(plain(opened.failure), icon=":material/error:")
    elif checkpoint is None:
        words.html(chip(opened.name, "", "no weights", None))
    else:
        words.html(chip(checkpoint.label, color, checkpoint.family, checkpoint.step))
    button.button(
        ":material/close:",
        key=f"close {opened.text}",
        help=f"Close {plain(opened.name)}",
        type="tertiary",
        on_click=close,
        args=(opened.text,),
    )


def _draw_path_box(root: Path) -> None:
    st.text_input(
        "Open a checkpoint or run",
        key="path",
        placeholder="runs/demo/ngpt",
        help=f"A file, a model folder or the folder of a run, below {plain(_named(root))}.",
        on_change=_take_path,
    )


def _draw_found(session: Session, root: Path) -> None:
    """Draw what lies below the root and is not open yet, to pick from."""
    found = found_once(str(root))
    local = (each.path for each in session.opened if each.path and not is_uri(each.path))
    opened = {Path(path).resolve() for path in local}
    others = [path for path in found.paths if (root / path).resolve() not in opened]
    if others:
        st.selectbox(
            f"Found below {plain(_named(root))}",
            others,
            index=None,
            key="found",
            placeholder=f"{len(others)} to choose from",
            on_change=_take_found,
        )
    if found.cut:
        st.caption(f"There may be more: {found.cut}.")


def _named(root: Path) -> str:
    return f"{root.name}/" if root.name else str(root)


def chip(label: str, color: str, family: str, step: int | None) -> str:
    """Return a checkpoint's name with its colour, family and step, as HTML."""
    at = "" if step is None else f" · step {step:,}"
    dot = f'<span aria-hidden="true" style="color:{color};font-size:1.2em">●</span> '
    return (
        f'<div style="overflow-wrap:anywhere">{dot if color else ""}<b>{escape(label)}</b> '
        f'<span style="opacity:0.7">{escape(family)}{at}</span></div>'
    )


def _take_path() -> None:
    add(st.session_state["path"].strip())
    st.session_state["path"] = ""


def _take_found() -> None:
    if st.session_state["found"]:
        add(st.session_state["found"])
    st.session_state["found"] = None
