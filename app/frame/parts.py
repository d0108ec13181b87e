"""Parts of a page: what is chosen has those parts drawn again that read it, and no others.

All that is chosen stands in the address. While a page is drawn it is written down which part asks
for what there (`address.asked`); what no part asks for alone, the page itself does. So nothing has
to say what it depends on, but a part takes nothing from another part: it reads the address too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import NoReturn, ParamSpec

import streamlit as st

from ngpt_inspect.errors import InspectError

from ..engine import answers
from . import address
from .address import PAGE, hold, is_partial, missed, readers, reading, remember, write
from .session import outdated
from .text import plain

WHOLE = "page is whole"
"""Whether the page was drawn to its end, and all of its parts are therefore known."""

Given = ParamSpec("Given")


def begin() -> None:
    """Begin one run of the whole page: nobody has read anything."""
    st.session_state[WHOLE] = False
    address.begin()


def begin_drawing(*, alone: bool = False) -> None:
    """Begin to draw a page, or a part of it alone: nothing is waited for, or was asked in vain."""
    hold()
    answers.begin(alone=alone)
    missed().clear()


def end() -> None:
    """End one run of the whole page."""
    st.session_state[WHOLE] = True


def part(
    name: str, draw: Callable[Given, object], *args: Given.args, **options: Given.kwargs
) -> None:
    """Draw a part of a page, which is drawn again alone when something is chosen that it reads.

    Parameters
    ----------
    name
        Tells it from other parts of the same page.
    draw
        Draws it from these arguments and from the address. What is wrong with a file is a
        sentence in its place. Parts do not lie in one another.
    """
    with_the_page = True

    @wraps(draw)
    def drawn() -> None:
        nonlocal with_the_page
        alone, with_the_page = not with_the_page, False
        if alone:
            if missed() or outdated():
                draw_all_again()  # the top of the page says so, or would go on saying so
            begin_drawing(alone=True)
        try:
            with reading(name):
                draw(*args, **options)
        except InspectError as error:
            st.warning(plain(str(error)), icon=":material/error:")
        if alone and (answers.waited_for() or missed()):
            st.rerun()  # the top of the page says so

    st.fragment(drawn, key=name)()


def take(values: Mapping[str, str | Sequence[str] | None]) -> None:
    """Write to the address what was chosen; to be called from what streamlit calls on a click."""
    changed = write(values)
    if not changed:
        return
    remember()  # the menu is not drawn again where parts are
    draw_again(changed)


def draw_again(asked: Iterable[str]) -> None:
    """Draw the parts again that asked for any of these, or the whole page; nothing else is run.

    While a server is busy, what it is asked meanwhile becomes one run. Where that is of the whole
    page it stays so: somebody went back, or a part has something to say or to wait for.
    """
    if not is_partial():
        return
    affected = readers(asked)
    if not affected or PAGE in affected or not st.session_state[WHOLE]:
        draw_all_again()
    st.rerun(sorted(affected))


def draw_all_again() -> NoReturn:
    """Draw the whole page again, as the address was written last."""
    hold()
    st.rerun()
