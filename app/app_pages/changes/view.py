"""The layout of the page of changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.comparing.views import changed_weights
from ngpt_inspect.errors import InspectError

from ...frame.controls import choose
from ...frame.parts import part
from ...frame.session import current, now
from ...frame.text import plain
from ...frame.welcome import draw_welcome
from .asking import choices, compared, usual_pair
from .blocks import (
    choose_quantity,
    choose_weight,
    draw_map,
    draw_one,
    draw_tokens,
    draw_weights,
)

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet


def draw() -> None:
    """Draw the choice of two checkpoints, the map of what changed, and the most changed."""
    st.title("Changes")
    if not current():
        draw_welcome()
        return
    there = choices(now().shown)
    if len(there) < 2:
        st.info(
            "One checkpoint has not changed: open another, such as the base of a fine-tune, or "
            "the folder of a run with several steps.",
            icon=":material/info:",
        )
        return
    part("changes", _draw_pair, there)


def _draw_pair(there: Mapping[str, Callable[[], WeightSet]]) -> None:
    """Draw the choice of two of these, and what became of one on its way to the other."""
    first, last = usual_pair(now().shown, list(there))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        before = choose("Before", _beginning_with(first, there), "before")
        after = choose("After", _beginning_with(last, there), "after")
        of = choose_quantity()
    if before == after:
        st.info("That is one checkpoint twice: choose two.", icon=":material/info:")
        return
    try:
        pair = (there[before](), there[after]())
    except InspectError as error:
        st.warning(plain(str(error)), icon=":material/error:")
        return
    found = compared(pair)
    if found is None:
        st.caption("Not measured yet.")
        return
    table, key = found.table, found.key
    if table.empty:
        return  # it failed: the top of the page says why
    for remark in table.attrs.get("remarks", ()):
        st.caption(plain(remark))
    weights = changed_weights(table, of)
    on_the_left, beside = st.columns(2, gap="medium")
    with beside:
        st.header("One matrix", anchor="matrix")
        at = choose_weight(weights)
        if at is not None:
            draw_one(pair, weights, *at)
    with on_the_left:
        st.header("By layer and role", anchor="map")
        draw_map(pair, table, key, of, *(at or ("", 0)))
        draw_weights(weights, pair)
    draw_tokens(pair, table)


def _beginning_with(first: str, names: object) -> list[str]:
    return [first, *(each for each in names if each != first)]
