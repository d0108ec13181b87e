"""In what the open checkpoints differ, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.summary import beside, differences

from ...blocks.tables import draw_downloads, draw_table

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

HEIGHT = 420
"""Pixels; a longer table scrolls."""
LINE = 36


def draw_differences(checkpoints: Sequence[WeightSet]) -> None:
    """Draw the recorded facts in which checkpoints differ, and how many agree."""
    table = differences(checkpoints)
    differ, agree = table.attrs["differ"], table.attrs["agree"]
    st.subheader("Differences", anchor="differences")
    st.markdown(
        f"**{differ}** recorded facts differ, **{agree}** agree: sizes, settings of the training, "
        "constants, and which weights there are, all from the headers."
    )
    if differ:
        wide = beside(table, ("group", "item"))
        draw_table(
            wide,
            height=min(HEIGHT, LINE * (len(wide) + 1)),
            alt=f"The {differ} facts in which the open checkpoints differ",
        )
        draw_downloads(table, "differences")
