"""The left column: what is open, in the colours of the figures, and ways to open more."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ..engine.tree import Leaf, leaves_once
from .address import CLOSED, COLOR, HIDDEN, STEP, all_asked, toggle
from .controls import beginning
from .looks import chip
from .opening import OFFERED, take_path
from .session import Opened, Session, add, close, set_pair
from .text import plain
from .uploads import draw_uploader

MOST = 40
"""Lines of the tree that are shown at once; a search finds the others."""


def draw_sidebar(session: Session, root: Path, upload_mb: int) -> None:
    """Draw what is open with a button to close each, and the three ways to open more."""
    with st.sidebar:
        st.markdown("**Open**" if session.opened else "**Nothing open yet**")
        for opened in session.opened:
            _draw_opened(opened)
        for text in all_asked(CLOSED):
            st.button(
                f"Open {plain(Path(text).name)} again",
                key=f"again {text}",
                type="tertiary",
                icon=":material/undo:",
                on_click=add,
                args=(text,),
            )
        st.text_input(
            "Open a checkpoint or run",
            key="path",
            placeholder="runs/demo/ngpt",
            help=f"A file, a model folder or the folder of a run, below {plain(_named(root))}.",
            on_change=take_path,
            args=(root,),
        )
        _draw_offered()
        _draw_tree(session, root)
        if upload_mb:
            draw_uploader(upload_mb)


def _draw_opened(opened: Opened) -> None:
    """Draw one thing that was asked for: its colour, name, step; how to hide and close it."""
    row = st.container(key=f"opened {opened.text}")
    color, words, eye, cross = row.columns([1, 6, 1, 1], gap="xxsmall", vertical_alignment="center")
    checkpoint = opened.checkpoint
    if opened.failure or opened.waits:
        state = "waiting" if opened.waits else "cannot be opened"
        words.html(chip(opened.name, "", state, None))
    else:
        with color:
            _draw_color(opened)
        if checkpoint is None:
            words.html(chip(opened.name, "", "no weights", None))
        else:
            step = None if len(opened.steps) > 1 else checkpoint.step
            words.html(chip(checkpoint.label, "", checkpoint.family, step))
        with eye:
            _draw_eye(opened)
    with cross:
        what = f"Close {plain(opened.name)}"
        _button(":material/close:", f"close {opened.text}", what, close, opened.text)
    if len(opened.steps) > 1 and checkpoint is not None and not opened.hidden:
        _draw_steps(opened, checkpoint.step)


def _draw_color(opened: Opened) -> None:
    color = f"color {opened.text}"
    st.color_picker(
        f"Colour of {opened.name}",
        beginning(color, opened.look[0]),
        key=color,
        label_visibility="collapsed",
        on_change=_take_color,
        args=(opened.text,),
    )


def _draw_eye(opened: Opened) -> None:
    eye = "visibility_off" if opened.hidden else "visibility"
    what = "Show" if opened.hidden else "Hide"
    words = f"{what} {plain(opened.name)} in all figures and tables"
    _button(f":material/{eye}:", f"eye {opened.text}", words, toggle, HIDDEN, opened.text)


def _draw_steps(opened: Opened, step: int | None) -> None:
    """Draw the slider over the saved steps of a run; the last is the usual one."""
    key = f"step {opened.text}"
    shown = step if step in opened.steps else opened.steps[-1]
    st.select_slider(
        f"Step of {plain(opened.name)}",
        opened.steps,
        beginning(key, shown),
        key=key,
        format_func="step {:,}".format,
        label_visibility="collapsed",
        on_change=_take_step,
        args=(opened.text, opened.steps[-1]),
    )


def _button(icon: str, key: str, words: str, click: object, *args: object) -> None:
    st.button(icon, key=key, help=words, type="tertiary", on_click=click, args=args)  # type: ignore[arg-type]


def _draw_offered() -> None:
    """Draw what a folder that was typed holds, to choose from."""
    for text in st.session_state.get(OFFERED, ()):
        st.button(
            plain(text),
            key=f"offer {text}",
            icon=":material/add:",
            type="tertiary",
            on_click=_take_offer,
            args=(text,),
        )


def _draw_tree(session: Session, root: Path) -> None:
    """Draw what lies below the root, folder by folder, with a box to tick for each."""
    leaves, cut = leaves_once(str(root))
    if not leaves:
        return
    count = sum(not leaf.is_step for leaf in leaves)
    with st.expander(f"Below {plain(_named(root))}: {count}", expanded=not session.opened):
        words = st.text_input("Search runs, steps, models, results", key="search tree")
        found = [leaf for leaf in leaves if leaf.matches(words)]
        opened = {Path(each.path).resolve(): each.text for each in session.opened if each.path}
        folder = None
        for leaf in found[:MOST]:
            if leaf.folder != folder:
                folder = leaf.folder
                st.caption(plain(f"{folder}/"))
            _draw_leaf(leaf, opened.get((root / leaf.path).resolve()))
        if len(found) > MOST:
            st.caption(f"{len(found) - MOST} more: search for them.")
        if not found:
            st.caption("Nothing is named so.")
        if cut:
            st.caption(f"There may be more: {cut}.")


def _draw_leaf(leaf: Leaf, opened: str | None) -> None:
    key = f"tree {leaf.path}"
    st.checkbox(
        plain(f"{leaf.name} ({leaf.kind})"),
        bool(beginning(key, opened is not None)),
        key=key,
        on_change=close if opened else add,
        args=(opened or leaf.path,),
    )


def _named(root: Path) -> str:
    return f"{root.name}/" if root.name else str(root)


def _take_offer(text: str) -> None:
    st.session_state[OFFERED] = [each for each in st.session_state[OFFERED] if each != text]
    add(text)


def _take_color(text: str) -> None:
    set_pair(COLOR, text, str(st.session_state[f"color {text}"]).removeprefix("#").lower())


def _take_step(text: str, last: int) -> None:
    step = st.session_state[f"step {text}"]
    set_pair(STEP, text, None if step == last else str(step))
