"""Cells of a heat map: which one was clicked, and a frame around the one that is looked at."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ngpt_inspect.figures.drawing.cells import CHOSEN
from ngpt_inspect.vocabulary import Role

from ..frame.address import write

LAYER, ROLE, HEAD = "layer", "role", "head"
"""Keys, in the address too, of the matrix that is looked at."""
MAP, BESIDE = 360, 250
"""Pixels on paper of a map, and of what stands beside it."""


def framed(figure: Any, layer: int, role: str, head: int | None = None) -> Any:
    """Return a copy of a heat map with a frame around the cells of one matrix."""
    out = type(figure)(figure)
    for trace in figure.data:
        for x, y, told in zip(trace.x or (), trace.y or (), trace.customdata or (), strict=False):
            if (told[1], told[2]) == (layer, role) and told[3] in (None, head):
                box = {"x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5}
                line = {"color": CHOSEN, "width": 2.5}
                out.add_shape(type="rect", xref=trace.xaxis, yref=trace.yaxis, line=line, **box)
    return out


def take_cell(key: str) -> None:
    """Look at the matrix whose point was clicked in the figure of this key: customdata names it."""
    points = st.session_state[key].selection.points
    if not points:
        return
    _, layer, role, head, *_ = points[0]["customdata"]
    chosen = {LAYER: str(layer), ROLE: str(Role(role))}
    write(chosen if head is None else chosen | {HEAD: str(head)})
