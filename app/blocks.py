"""A figure on a page: the drawing, what it means and where it comes from, and its numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app.loading import measure_once
from app.text import plain
from ngpt_inspect.errors import InspectError
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.gallery import drawn_rows, for_screen, joined, notes_of
from ngpt_inspect.measures import MEASURES

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.figures import Figure
    from ngpt_inspect.weights import WeightSet

PREVIEW = 400
"""Rows of a table that travel to the browser; the CSV has them all."""


def draw_figures(names: Sequence[str], checkpoints: Sequence[WeightSet]) -> None:
    """Draw figures one below the other, the cheapest to measure first.

    Parameters
    ----------
    names
        Names from `FIGURES` in the order of the page.
    checkpoints
        What is drawn, all in each figure.
    """
    places = {}
    for name in names:
        st.subheader(FIGURES[name].title, anchor=name.replace("_", "-"))
        places[name] = st.container()
    for name in sorted(names, key=lambda each: _cost(FIGURES[each])):
        with places[name]:
            _draw_figure(FIGURES[name], checkpoints)


def _draw_figure(chosen: Figure, checkpoints: Sequence[WeightSet]) -> None:
    tables = _measured(chosen, checkpoints)
    if not tables:
        return
    rows = drawn_rows(chosen, joined(tables))
    drawing = chosen.draw(rows)
    labels = " and ".join(checkpoint.label for checkpoint in checkpoints)
    st.plotly_chart(
        for_screen(drawing, dark=st.context.theme.type == "dark"),
        theme=None,
        key=f"figure {chosen.name}",
        config={"displaylogo": False, "showSendToCloud": False},
        alt=" ".join([f"{chosen.title} of {labels}.", chosen.summary, *notes_of(drawing)]),
    )
    st.caption(_words(chosen), unsafe_allow_html=True)
    _draw_numbers(chosen, rows)


def _measured(chosen: Figure, checkpoints: Sequence[WeightSet]) -> list[pd.DataFrame]:
    """Measure what a figure needs, showing how far it is; name what cannot be measured."""
    jobs = [(checkpoint, need) for checkpoint in checkpoints for need in chosen.needs]
    tables = []
    bar = st.empty()
    for done, (checkpoint, need) in enumerate(jobs):
        bar.progress(done / len(jobs), f"{MEASURES[need].title} of {plain(checkpoint.label)} …")
        try:
            tables.append(measure_once(checkpoint, need))
        except InspectError as error:
            st.warning(plain(f"{checkpoint.label}: {error}"), icon=":material/error:")
    bar.empty()
    return tables


def _words(chosen: Figure) -> str:
    """Say how to read the figure, how its numbers are computed, and where it comes from.

    What follows an underscore becomes a subscript.
    """
    lines = (chosen.summary, f"Computed: {chosen.formula}", f"Source: {chosen.source}.")
    return re.sub(r"(?<=[^\W_])_(\w+)", r"<sub>\1</sub>", "<br>".join(lines))


def _draw_numbers(chosen: Figure, rows: pd.DataFrame) -> None:
    with st.expander("The numbers"):
        scalars_first = rows.sort_values("index", na_position="first", kind="stable")
        st.dataframe(
            scalars_first.head(PREVIEW).dropna(axis="columns", how="all"),
            hide_index=True,
            height=280,
            alt=f"The first rows of the table behind {chosen.title}",
        )
        st.download_button(
            f"CSV, {len(rows):,} rows",
            data=lambda: rows.to_csv(index=False),
            file_name=f"{chosen.name}.csv",
            mime="text/csv",
            key=f"csv {chosen.name}",
            on_click="ignore",
            icon=":material/download:",
        )


def _cost(chosen: Figure) -> int:
    """Order figures by how much is computed for them: vectors, then matrices, then pairs."""
    order = ("eigen_learning_rates", "scaling_factors", "embedding_norms", "unit_norm")
    costs = [order.index(need) if need in order else len(order) for need in chosen.needs]
    return sum(costs) + max(costs)
