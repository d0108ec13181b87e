"""The colours of values on a logarithmic scale, and the bar that explains them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ngpt_inspect.figures.canvas.axes import Axis
from ngpt_inspect.figures.canvas.text import width_of
from ngpt_inspect.figures.canvas.theme import FONT_SIZE

if TYPE_CHECKING:
    import plotly.graph_objects as go

SCALE = "Cividis"
"""Even to the eye, and the same under the common colour-vision deficiencies: Nuñez, Anderton
and Renslow 2018, doi:10.1371/journal.pone.0199239."""
PIXELS = 38
"""What the bar takes below the panels: a gap, the bar, its labels."""
GAP = 8
LENGTH = 240
"""Pixels of the bar, where there is room for them beside its title."""


def color_axis(figure: go.Figure, values: Iterable[float], title: str, room: int) -> None:
    """Give all traces on ``coloraxis``, which hold log10, one range and a bar with plain ticks."""
    axis = Axis(log=True)
    axis.cover(values)
    low, high = (axis.low, axis.high) if axis.low < axis.high else axis.ends
    beside = width_of(title, FONT_SIZE) + GAP
    bar_length = min(LENGTH, room - beside)
    ticks = axis.ticks(bar_length, upright=False)
    shown = [(at, words) for at, words in zip(*ticks, strict=True) if low <= at <= high]
    bar = {
        "orientation": "h",
        "thickness": 8,
        "len": (bar_length + beside) / room,
        "x": 0,
        "xanchor": "left",
        "xpad": 0,
        "yref": "container",
        "yanchor": "top",
        "ypad": 0,
        "outlinewidth": 0,
        "tickvals": [math.log10(value) for value, _ in shown],
        "ticktext": [words for _, words in shown],
        "tickangle": 0,
        "tickfont": {"size": FONT_SIZE - 1},
        "title": {"text": title, "side": "right", "font": {"size": FONT_SIZE}},
    }
    figure.update_layout(
        coloraxis={
            "colorscale": SCALE,
            "cmin": math.log10(low),
            "cmax": math.log10(high),
            "colorbar": bar,
        }
    )


def place_bar(figure: go.Figure, below: float) -> None:
    """Put the bar into the uppermost of these pixels at the bottom of the figure."""
    figure.layout.coloraxis.colorbar.y = (below - GAP) / figure.layout.height
