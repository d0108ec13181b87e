"""The address of the page: the only place where a view is kept.

What is chosen stands in it and nowhere else. A copied link, a new tab, and the browser's Back
therefore show the same view; one click writes it once, which is one entry of the browser's
history. Of every page the last view of this session is remembered, and the menu returns to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

VIEWS = "views"
"""Key of the last address of each page, by name."""
OPEN, CLOSED, HIDDEN, STEP, COLOR = "open", "closed", "hidden", "at", "color"
EVERYWHERE = (OPEN, CLOSED, HIDDEN, STEP, COLOR)
"""What all pages share: paths opened from the page, paths of the command line that were closed,
what is hidden, ``path:step`` and ``path:colour``."""

Query = dict[str, list[str]]


def asked(key: str, usual: str = "") -> str:
    """Return what the address says of a choice, or what holds where it says nothing."""
    return st.query_params.get(key, usual)


def all_asked(key: str) -> list[str]:
    """Return all values that the address gives to a key."""
    return st.query_params.get_all(key)


def write(values: Mapping[str, str | Sequence[str] | None]) -> None:
    """Change the address once; None and nothing at all take a key out of it.

    To be called before a page is drawn: from what streamlit calls on a click.
    """
    now = _whole()
    new = now | {key: _listed(value) for key, value in values.items()}
    new = {key: value for key, value in new.items() if value}
    if new != now:
        st.query_params.from_dict(new)


def toggle(key: str, value: str) -> None:
    """Put a value among those of a key, or take it out."""
    others = [each for each in all_asked(key) if each != value]
    write({key: others if value in all_asked(key) else [*others, value]})


def remember(page: str) -> None:
    """Remember the view of the page that is being shown."""
    views: dict[str, Query] = st.session_state.setdefault(VIEWS, {})
    views[page] = {key: value for key, value in _whole().items() if key not in EVERYWHERE}


def view_of(page: str) -> Query:
    """Return the address that leads back to the last view of a page."""
    return st.session_state.get(VIEWS, {}).get(page, {}) | shared()


def shared() -> Query:
    """Return what every link of this session carries."""
    return {key: value for key, value in _whole().items() if key in EVERYWHERE}


def _whole() -> Query:
    return {key: all_asked(key) for key in st.query_params}


def _listed(value: str | Sequence[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)
