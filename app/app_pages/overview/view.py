"""The layout of the first page."""

import streamlit as st

from ngpt_inspect.measures import MEASURES

from ...blocks.figures import draw_wide
from ...frame.pinning import draw_pins
from ...frame.session import current, now
from ...frame.welcome import draw_welcome
from .differences import draw_differences
from .headline import draw_assumed, draw_headline
from .marks import draw_wanting, draw_words, marks_of
from .readings import read


def draw() -> None:
    """Draw what tells checkpoints apart: a table and small figures; then all of it in words."""
    checkpoints = current()
    several = len(checkpoints) > 1
    st.title("Side by side" if several else "Overview" if checkpoints else "ngpt-inspect")
    if not checkpoints:
        draw_welcome()
        draw_pins(now())
        return
    readings = read(checkpoints)
    marks = marks_of(checkpoints, readings)
    draw_headline(checkpoints, readings, marks)
    if readings.missing:
        titles = ", ".join(MEASURES[name].title.lower() for name in readings.missing)
        st.caption(f"Still to come: {titles}.")
    if readings.measures:
        labels = [each.label for each in checkpoints]
        draw_wide("at_a_glance", readings.table, readings.key, labels, title="")
    draw_pins(now())
    st.subheader("Health", anchor="health")
    draw_wanting(checkpoints, marks)
    draw_words(checkpoints, marks)
    draw_assumed(checkpoints)
    if several:
        draw_differences(checkpoints)
