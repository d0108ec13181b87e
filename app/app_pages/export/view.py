"""The layout of the page of exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ngpt_inspect.figures import Figure

from ...engine.loading import on_paper
from ...frame.controls import choose
from ...frame.parts import part
from ...frame.session import current, current_places
from ...frame.welcome import draw_welcome
from .blocks import (
    KINDS,
    Numbers,
    choose_all,
    draw_code,
    draw_files,
    draw_preview,
    numbers_of,
    offered,
)

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

WIDTHS = ("two", "one")


def draw() -> None:
    """Draw the choice of a figure and its size, the figure as printed, its files and its code."""
    checkpoints, places = current(), current_places()
    st.title("Export")
    figures = offered(checkpoints, places)
    if not figures:
        draw_welcome()
        return
    part("figure", _draw_figure, figures, checkpoints, places)


def _draw_figure(
    figures: Sequence[Figure], checkpoints: Sequence[WeightSet], places: Sequence[str]
) -> None:
    """Draw the choice of one of these figures, and the figure with its files."""
    named = {each.title: each for each in figures}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = named[choose("Figure", list(named), "figure")]
        width = choose("Columns wide", WIDTHS, "width")
        kind = choose("Format", list(KINDS), "format")
    options = choose_all(chosen, checkpoints, places)
    numbers = numbers_of(chosen, options, checkpoints, places)
    if numbers is None:
        st.caption("Not measured yet.")
    else:
        _draw_one(chosen, numbers, options, width, kind)


def _draw_one(
    chosen: Figure, numbers: Numbers, options: Mapping[str, Any], width: str, kind: str
) -> None:
    """Draw one figure as printed, its files and its code."""
    drawn = on_paper(chosen.name, numbers.key, options, width, numbers.table)
    draw_preview(chosen, drawn, width)
    if drawn.figure.data:
        draw_files(chosen, drawn, (numbers.key, sorted(options.items()), width), kind)
        draw_code(chosen, numbers, options, width=width, kind=kind)
