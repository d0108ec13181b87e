"""Everything as one file: the report of what is open, from the left column of every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.report import figures_for, measures_for, report_of

from ..engine.answers import answer, ask_all
from ..engine.changing import ChangesRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngpt_inspect.weights import WeightSet


def draw_one_file(checkpoints: Sequence[WeightSet]) -> None:
    """Draw the choice to have everything as one file, and then the button that downloads it.

    Its numbers are measured when they are asked for, not before: they are many.
    """
    if not checkpoints:
        return
    with st.popover("Report", icon=":material/description:", width="stretch"):
        st.caption(
            "Everything as one file: cards, health, figures, differences and how each number is "
            "computed, in HTML that needs no network: to be sent, archived or printed."
        )
        if not st.toggle("Make it", key="report"):
            return
        chosen = figures_for(checkpoints)
        table = ask_all(checkpoints, measures_for(chosen), whole=True)
        change = ChangesRequest(checkpoints=tuple(checkpoints))
        compared = len(checkpoints) < 2 or answer([change], checkpoints)
        if table is None or compared is None:
            st.caption("Not measured yet.")
            return
        changed = change.kept() if len(checkpoints) > 1 else None
        st.download_button(
            "**Everything** as HTML",
            data=lambda: report_of(checkpoints, table, chosen, changed),
            file_name="report.html",
            mime="text/html",
            key="report as html",
            on_click="ignore",
            icon=":material/download:",
        )
