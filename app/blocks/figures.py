"""A figure on a page: the drawing, what it means and where it comes from, and its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import streamlit as st

from ngpt_inspect.figures import FIGURES, Figure
from ngpt_inspect.plotting import scope

from ..engine.answers import SoFar, so_far
from ..engine.loading import Frame, drawn
from ..engine.palette import painted_runs, palette_key
from ..engine.questions import Request, requests
from ..frame.controls import choose, choose_options
from ..frame.looks import is_dark
from ..frame.sight import draw_place, expect, is_near
from ..frame.text import plain
from .tables import draw_numbers

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet

POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
NONE = "none"
NEEDLESS = ("pan2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "select2d", "lasso2d")
"""Buttons of a figure: the pointer alone does what these do."""
CONFIG = {
    "displaylogo": False,
    "showSendToCloud": False,
    "modeBarButtonsToRemove": list(NEEDLESS),
}


class Look(TypedDict, total=False):
    """How a figure stands on a page."""

    title: str
    """Another heading than the figure's own; an empty text for none."""
    key: str
    """Tells two of the same figure on one page apart; also the key of what was clicked."""
    clicked: Callable[[], None]
    """Called before the page is run again with ``st.session_state[key].selection.points``."""
    width: int
    """Pixels on paper; by default two columns of a page."""
    frame: Frame | None
    """Which cells stand in a frame."""


def draw_figure(
    name: str,
    checkpoints: Sequence[WeightSet],
    *,
    options: Mapping[str, Any] | None = None,
    layers: Sequence[int] | None = None,
    roles: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    **look: Unpack[Look],
) -> None:
    """Draw a figure of checkpoints, or say that its numbers are on their way.

    Parameters
    ----------
    name
        A name from `FIGURES`.
    checkpoints
        What is drawn, all in one figure.
    options
        As the figure declares them.
    layers, roles
        Measure these only.
    only
        Draw these roles only of what is measured.
    look
        How it stands on the page.
    """
    chosen = FIGURES[name]
    _head(chosen, look)
    # What draws single values takes those of its own matrix; others share the model's summaries.
    limits = scope(chosen, options or {}) if chosen.singles else {"roles": chosen.roles}
    limits |= {} if layers is None else {"layers": layers}
    limits |= {} if roles is None else {"roles": roles}
    needs = chosen.needs_with(options or {})
    asked = requests(checkpoints, needs, whole=bool(chosen.singles), **limits)
    found = so_far(asked, checkpoints)
    if not _begun(found):
        st.caption("Not measured yet.")
        return
    if found.late:
        st.caption(plain(found.said()))
    labels = dict.fromkeys(checkpoint.label for checkpoint in checkpoints)
    key = repr((found.key, only))
    _show(chosen, lambda: _narrowed(found.table, only), key, options, labels, look)


def draw_chosen(
    name: str, checkpoints: Sequence[WeightSet], prefix: str = "", **look: Unpack[Look]
) -> None:
    """Draw the choices of a figure, `prefix` before each in the address, and the figure."""
    draw_figure(name, checkpoints, options=choose_options(name, key=prefix), **look)


def draw_further(names: Sequence[str], checkpoints: Sequence[WeightSet]) -> None:
    """Draw a choice among figures that are drawn when asked for, and the one that is."""
    words = {name: FIGURES[name].title for name in names}
    further = choose("Further figure", (NONE, *names), "further", words=words)
    if further != NONE:
        draw_figure(further, checkpoints)


def _begun(found: SoFar) -> bool:
    """Tell whether something is known of every checkpoint: what is drawn of none looks absent."""
    known, late = (
        {id(each.checkpoint) for each in some if isinstance(each, Request)}
        for some in (found.known, found.late)
    )
    return late <= known


def draw_wide(
    name: str,
    table: pd.DataFrame,
    table_key: str,
    labels: Iterable[str],
    *,
    options: Mapping[str, Any] | None = None,
    **look: Unpack[Look],
) -> None:
    """Draw a figure of a wide table, as `draw_figure` does those of checkpoints.

    Parameters
    ----------
    table, table_key
        The table that the figure names, and what stands for it in the cache of figures.
    labels
        Whose numbers these are.
    """
    chosen = FIGURES[name]
    _head(chosen, look)
    key = f"{table_key} {palette_key()}"
    _show(chosen, lambda: painted_runs(table), key, options, labels, look)


def _place(chosen: Figure, look: Look) -> str:
    """Return the key of a figure on its page."""
    return look.get("key") or f"figure {chosen.name}"


def _head(chosen: Figure, look: Look) -> None:
    expect(_place(chosen, look))
    heading = look.get("title", chosen.title)
    if heading:
        st.subheader(heading, anchor=chosen.name.replace("_", "-"))


def _show(
    chosen: Figure,
    table: Callable[[], pd.DataFrame],
    table_key: str,
    options: Mapping[str, Any] | None,
    labels: Iterable[str],
    look: Look,
) -> None:
    """Draw a table with its words and its numbers; it is made only where it is not drawn yet."""
    told = dict(options or {})
    key, clicked = look.get("key", ""), look.get("clicked")
    how = (told, is_dark(), table, look.get("width"), look.get("frame"), clicked is not None)
    drawing = drawn(chosen.name, table_key, *how)
    of = f" of {' and '.join(labels)}" if labels else ""
    alt = " ".join([f"{look.get('title') or chosen.title}{of}.", chosen.summary, *drawing.notes])
    place = _place(chosen, look)
    if is_near(place):
        st.plotly_chart(
            drawing.sent,
            theme=None,
            key=place,
            config=CONFIG,
            alt=alt,
            **({} if clicked is None else {"on_select": clicked, "selection_mode": "points"}),
        )
    else:
        draw_place(place, drawing.sent.to_dict()["layout"]["height"], alt)
    st.caption(words(chosen), unsafe_allow_html=True)
    draw_numbers(drawing, key or chosen.name, f"the table behind {chosen.title}")


def _narrowed(table: pd.DataFrame, roles: Sequence[str] | None) -> pd.DataFrame:
    if roles is None:
        return table
    rows = table[table["role"].isin(list(roles))]
    rows.attrs = table.attrs
    return rows


def words(chosen: Figure) -> str:
    """Say how to read the figure, how its numbers are computed, and where it comes from.

    What follows an underscore becomes a subscript; a power after it stays above.
    """
    lines = [chosen.summary, f"Source: {chosen.source}."]
    if chosen.formula:
        lines.insert(1, f"Computed: {chosen.formula}")
    return re.sub(rf"(?<=[^\W_])_([^\W{POWERS}]+)", r"<sub>\1</sub>", "<br>".join(lines))
