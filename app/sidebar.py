"""The left column: what is open, in the colours of the figures, and a box to open more."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from app.session import Session, add, added, close
from app.text import plain
from ngpt_inspect.gallery import colors


def draw_sidebar(session: Session, root: Path) -> None:
    """Draw the open checkpoints, the path box, and a sentence for each path that failed."""
    with st.sidebar:
        st.markdown("**Open checkpoints**" if session.checkpoints else "**Nothing open yet**")
        for checkpoint, color in zip(session.checkpoints, colors(session.checkpoints), strict=True):
            st.html(chip(checkpoint.label, color, checkpoint.family, checkpoint.step))
        for failure in session.failures:
            st.warning(plain(failure), icon=":material/error:")
        st.text_input(
            "Open a checkpoint or run",
            key="path",
            placeholder="runs/demo/ngpt",
            help=f"A file, a model folder or the folder of a run, below {root.name or root}/.",
            on_change=_take_path,
        )
        for path in added():
            st.button(
                f"Close {plain(Path(path).name)}",
                key=f"close {path}",
                type="tertiary",
                icon=":material/close:",
                on_click=close,
                args=(path,),
            )


def chip(label: str, color: str, family: str, step: int | None) -> str:
    """Return a checkpoint's name with its colour, family and step, as HTML."""
    at = "" if step is None else f" · step {step:,}"
    return (
        f'<div><span aria-hidden="true" style="color:{color};font-size:1.2em">●</span> '
        f'<b>{escape(label)}</b> <span style="opacity:0.7">{escape(family)}{at}</span></div>'
    )


def _take_path() -> None:
    add(st.session_state["path"].strip())
    st.session_state["path"] = ""
