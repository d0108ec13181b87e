"""The pages there are: the menu that leads to them, and links to what they show details of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from .address import remember, shared, view_of

MENU = "menu"
"""Key of the pages, by name, as this session was shown them."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of the dashboard, as its folder declares it."""

    name: str
    """That of its folder, and its path in the address."""
    title: str
    """In the menu."""
    icon: str
    """A name of Google's Material Symbols."""
    place: int
    """Its place in the menu: smaller numbers come first."""
    draw: Callable[[], None]
    """Draws it, with ``st``; `session.current` says of what."""
    details: tuple[str, ...] = ()
    """The measures whose details it shows: readings of these on other pages link to it."""
    address: Mapping[str, str] = field(default_factory=dict)
    """What it can be asked to show first (checkpoint, role, layer, head, order), and how its
    address calls that."""
    examples: tuple[str, ...] = ()
    """Addresses after ``?`` that a reader could be sent: the generic tests open each."""


def offer(pages: Mapping[str, Page]) -> st.Page:
    """Make the pages known; return the one that was asked for, for streamlit to run.

    Parameters
    ----------
    pages
        By name, in the order of the menu. The first is the one that has no path in the address.
    """
    first = next(iter(pages))
    offered = {name: _known_to_streamlit(each, name == first) for name, each in pages.items()}
    st.session_state[MENU] = [(page, offered[name]) for name, page in pages.items()]
    return st.navigation(list(offered.values()), position="hidden")


def draw_menu(shown: st.Page) -> str:
    """Draw a link to every page, back to where this session left it; return the page's name."""
    (name,) = (page.name for page, target in st.session_state[MENU] if target is shown)
    remember(name)
    with st.sidebar.container(key="menu", gap="xxsmall"):
        for page, target in st.session_state[MENU]:
            st.page_link(target, query_params=view_of(page.name), width="stretch")
    return name


def draw_link(measure: str, label: str, *, at: Mapping[str, Any]) -> None:
    """Draw a link to the page with the details of a measure; nothing where there is none.

    Parameters
    ----------
    measure
        A name from `MEASURES`. Of several pages the first of the menu is meant.
    label
        A word or two: a link is never broken into lines.
    at
        What the page shows first: checkpoint, role, layer, head; None where it is all of them.
    """
    for page, target in st.session_state[MENU]:
        if measure in page.details:
            spelling = page.address
            query = {spelling[key]: str(at[key]) for key in spelling if at.get(key) is not None}
            st.page_link(target, label=label, query_params=query | shared())
            return


def _known_to_streamlit(page: Page, default: bool) -> st.Page:
    return st.Page(
        page.draw,
        title=page.title,
        icon=f":material/{page.icon}:",
        url_path=page.name,
        default=default,
    )
