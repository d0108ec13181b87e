"""The address of the page: the only place where a view is kept.

What is chosen stands in it and nowhere else. A copied link, a new tab, and the browser's Back
therefore show the same view; one click writes it once, which is one entry of the browser's
history. Of every page the last view of this session is remembered, and the menu returns to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

VIEWS = "views"
"""Key of the last address of each page, by name."""
OPEN, CLOSED, HIDDEN, STEP, COLOR = "open", "closed", "hidden", "at", "color"
EVERYWHERE = (OPEN, CLOSED, HIDDEN, STEP, COLOR)
"""What all pages share: paths opened from the page, paths of the command line that were closed,
what is hidden, ``path:step`` and ``path:colour``."""

SHOWN, READERS, MISSED = "shown page", "readers", "asked in vain"
"""Keys of the name of the page that is being shown, of who read what there, and of what there is
not."""
HELD = "held address"
"""Key of the whole address as it was written last, or as a run of the whole page began with."""
PAGE = "page"
"""The reader that is none of the parts of a page."""

Query = dict[str, list[str]]
_reader: ContextVar[str] = ContextVar("_reader", default=PAGE)


def asked(key: str, usual: str = "") -> str:
    """Return what the address says of a choice, or what holds where it says nothing."""
    note(key)
    return st.query_params.get(key, usual)


def all_asked(key: str) -> list[str]:
    """Return all values that the address gives to a key."""
    note(key)
    return st.query_params.get_all(key)


def missed() -> list[str]:
    """Return what was asked for in vain in this run of a page, a sentence each."""
    found: list[str] = st.session_state.setdefault(MISSED, [])
    return found


@contextmanager
def reading(part: str) -> Iterator[None]:
    """Note that it is this part of the page which asks."""
    before = _reader.set(part)
    try:
        yield
    finally:
        _reader.reset(before)


def readers(keys: Iterable[str]) -> set[str]:
    """Return which parts of the page asked for any of these keys since `begin`."""
    noted: dict[str, set[str]] = st.session_state.get(READERS, {})
    return {part for key in keys for part in noted.get(key, ())}


def begin() -> None:
    """Begin a run of the whole page, which goes by what the browser says; nobody has asked yet."""
    st.session_state[READERS] = {}
    st.session_state[HELD] = _whole()


def is_partial() -> bool:
    """Tell whether this is a run of some parts of the page, not of all of it."""
    context = get_script_run_ctx()
    return context is not None and bool(context.fragment_ids_this_run)


def hold() -> None:
    """Have a run of parts of a page go by the address as it was written last.

    With each request a browser says where it is. One that it sends before it has heard of what was
    just written would take that back: links and the browser's Back run the whole page.
    """
    if is_partial():
        held = st.session_state.get(HELD, {})
        if held != _whole():
            st.query_params.from_dict(held)


def note(key: str) -> None:
    """Note that what is being drawn asks for this."""
    noted: dict[str, set[str]] = st.session_state.setdefault(READERS, {})
    noted.setdefault(key, set()).add(_reader.get())


def write(values: Mapping[str, str | Sequence[str] | None]) -> list[str]:
    """Change the address once; None and nothing at all take a key out of it. Return what changed.

    To be called before a page is drawn: from what streamlit calls on a click.
    """
    hold()
    now = _whole()
    new = now | {key: _listed(value) for key, value in values.items()}
    new = {key: value for key, value in new.items() if value}
    if new != now:
        st.query_params.from_dict(new)
    st.session_state[HELD] = new
    return [key for key in values if new.get(key) != now.get(key)]


def toggle(key: str, value: str) -> None:
    """Put a value among those of a key, or take it out."""
    others = [each for each in all_asked(key) if each != value]
    write({key: others if value in all_asked(key) else [*others, value]})


def remember(page: str = "") -> None:
    """Remember the view of the page that is being shown: this one, or the one it was last time."""
    page = st.session_state[SHOWN] = page or st.session_state.get(SHOWN, "")
    views: dict[str, Query] = st.session_state.setdefault(VIEWS, {})
    views[page] = {key: value for key, value in _whole().items() if key not in EVERYWHERE}


def view_of(page: str) -> Query:
    """Return the address that leads back to the last view of a page."""
    return st.session_state.get(VIEWS, {}).get(page, {}) | shared()


def shared() -> Query:
    """Return what every link of this session carries."""
    return {key: values for key in EVERYWHERE if (values := all_asked(key))}


def _whole() -> Query:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def _listed(value: str | Sequence[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)
