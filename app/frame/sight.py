"""Which figures of a page are drawn: those at its top, and others once they come near the screen.

A figure keeps a browser busy for a tenth of a second, and a page has up to a dozen. Where one is
not drawn yet its height is kept free, and the browser says which of these places come near.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import streamlit as st

from .address import SHOWN, note
from .parts import draw_again

FIRST = 2
"""Figures of a page that are drawn at once: those that its first screen may show."""
SEEN, WATCH = "seen figures", "watch for places"
"""Keys of what this session has been near, and of what tells it."""
WORDS = "Drawn when it comes into view."

# The page scrolls within a box of streamlit's, so that is what the margin must be of. What is told
# may be lost while the server is busy: a place that stays is told again.
_watch = st.components.v2.component(
    "ngpt_inspect.sight",
    js="""
let stop;
export default ({setTriggerValue}) => {
    stop?.();
    const main = document.querySelector('[data-testid=stMain]'), near = new Set();
    let soon;
    const say = () => {
        const there = [...near].filter(place => place.isConnected);
        if (!there.length) return;
        setTriggerValue('near', there.map(place => place.dataset.place));
        soon = setTimeout(say, 2000);
    };
    const watch = new IntersectionObserver(places => {
        for (const {isIntersecting, target} of places)
            near[isIntersecting ? 'add' : 'delete'](target);
        clearTimeout(soon);
        soon = setTimeout(say, 20);
    }, {root: main, rootMargin: '25%'});
    const look = () => main.querySelectorAll('[data-place]').forEach(each => watch.observe(each));
    const changes = new MutationObserver(look);
    changes.observe(main, {childList: true, subtree: true});
    look();
    stop = () => { watch.disconnect(); changes.disconnect(); clearTimeout(soon); };
    return stop;
};
""",
    isolate_styles=False,
)


@dataclass
class _Sight:
    """What is known of the figures of the page that is shown."""

    page: str
    order: list[str] = field(default_factory=list)
    """Keys of its figures, as they were first to be drawn."""
    near: set[str] = field(default_factory=set)
    """Those that have been near the screen: they stay."""


def watch_places() -> None:
    """Have the browser say which places are near, and what belongs there drawn; once a run."""
    _sight()  # a page without figures is another page too
    st.fragment(_watch, key=WATCH)(key=WATCH, height=1, on_near_change=_take)


def expect(key: str) -> None:
    """Say that a figure is to be drawn, now or when its numbers are there."""
    note(_asked(key))
    order = _sight().order
    if key not in order:
        order.append(key)


def is_near(key: str) -> bool:
    """Tell whether an expected figure is to be drawn; otherwise `draw_place` keeps its place."""
    sight = _sight()
    return key in sight.near or key in sight.order[:FIRST]


def draw_place(key: str, height: int, alt: str) -> None:
    """Keep the place of a figure; once it is near, what draws it is run again.

    Parameters
    ----------
    height
        Pixels.
    alt
        What the figure is called.
    """
    named, words = (escape(each, quote=True) for each in (key, f"{alt} {WORDS}"))
    style = f"height:{height}px"
    st.html(f'<div data-place="{named}" role="img" aria-label="{words}" style="{style}"></div>')


def _take() -> None:
    """Draw what came near."""
    near = st.session_state[WATCH].near
    _sight().near.update(near)
    draw_again([_asked(key) for key in near])


def _asked(key: str) -> str:
    """Return what a part asks for that draws a figure, as if it stood in the address."""
    return f"near {key}"


def _sight() -> _Sight:
    page = st.session_state.get(SHOWN, "")
    sight: _Sight | None = st.session_state.get(SEEN)
    if sight is None or sight.page != page:
        sight = st.session_state[SEEN] = _Sight(page)
    return sight
