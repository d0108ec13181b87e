"""Pinned views: how one is made, and the list of them."""

from __future__ import annotations

import streamlit as st

from ngpt_inspect.errors import InspectError

from ..engine.pins import Pin, pin, pins_in, unpin
from .address import view_of
from .menu import MENU
from .session import Session
from .text import plain

NAME, NOTE, SAID = "pin name", "pin note", "pin said"


def draw_pin_box(session: Session, page: str) -> None:
    """Draw what gives the view on the screen a name and a note, in the left column."""
    if not session.writable:
        return
    with st.sidebar.popover("Pin this view", icon=":material/keep:", width="stretch"):
        st.text_input("Name", key=NAME, max_chars=100)
        st.text_area("Note", key=NOTE, max_chars=2000)
        st.button("Pin", key="pin", on_click=_take, args=(session, page))
        st.caption("Kept beside the runs; Overview lists it.")
    if st.session_state.get(SAID):
        st.sidebar.warning(plain(st.session_state.pop(SAID)), icon=":material/error:")


def draw_pins(session: Session) -> None:
    """Draw the pinned views, each a link with its note."""
    try:
        pins = pins_in(session.root)
    except InspectError as error:
        st.warning(plain(str(error)), icon=":material/error:")
        return
    targets = {page.name: target for page, target in st.session_state[MENU]}
    shown = [each for each in pins if each.page in targets]
    if not shown:
        return
    st.subheader("Pinned views", anchor="pinned")
    for each in shown:
        link, note, button = st.columns([3, 8, 1], vertical_alignment="center")
        query = {key: list(values) for key, values in each.query.items()}
        link.page_link(targets[each.page], label=plain(each.name), query_params=query)
        note.markdown(plain(each.note))
        if session.writable:
            button.button(
                ":material/close:",
                key=f"unpin {each.name}",
                help=f"Unpin {plain(each.name)}",
                type="tertiary",
                on_click=_take_out,
                args=(session, each.name),
            )


def _take(session: Session, page: str) -> None:
    name, note = (str(st.session_state[key]).strip() for key in (NAME, NOTE))
    view = Pin(name=name or page, note=note, page=page, query=view_of(page))
    try:
        pin(session.root, view)
    except InspectError as error:
        st.session_state[SAID] = str(error)
        return
    st.session_state[NAME] = st.session_state[NOTE] = ""


def _take_out(session: Session, name: str) -> None:
    try:
        unpin(session.root, name)
    except InspectError as error:
        st.session_state[SAID] = str(error)
