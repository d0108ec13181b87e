"""Figures to take away: at the size of the page they go to, as files, and as code."""

import streamlit as st

from app.blocks.exports import (
    KINDS,
    choose_all,
    draw_code,
    draw_files,
    draw_preview,
    numbers_of,
    offered,
)
from app.engine.loading import on_paper
from app.frame.controls import choose
from app.frame.session import current, current_places
from app.frame.welcome import draw_welcome

WIDTHS = ("two", "one")

checkpoints, places = current(), current_places()
st.title("Export")
named = {each.title: each for each in offered(checkpoints, places)}
if named:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = named[choose("Figure", list(named), "figure")]
        width = choose("Columns wide", WIDTHS, "width")
        kind = choose("Format", list(KINDS), "format")
    options = choose_all(chosen, checkpoints, places)
    numbers = numbers_of(chosen, options, checkpoints, places)
    if numbers is None:
        st.caption("Not measured yet.")
    else:
        drawn = on_paper(chosen.name, numbers.key, options, width, numbers.table)
        draw_preview(chosen, drawn, width)
        if drawn.figure.data:
            draw_files(chosen, drawn, (numbers.key, sorted(options.items()), width), kind)
            draw_code(chosen, numbers, options, width=width, kind=kind)
else:
    draw_welcome()
