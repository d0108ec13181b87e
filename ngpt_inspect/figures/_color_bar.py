"""The colours of values on a logarithmic scale, and the bar that explains them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ngpt_inspect.figures._theme import FONT_SIZE
from ngpt_inspect.figures._ticks import FEW, log_ticks

if TYPE_CHECKING:
    import plotly.graph_objects as go

SCALE = "Cividis"
"""Even to the eye, and the same under the common colour-vision deficiencies: Nuñez, Anderton
and Renslow 2018, doi:10.1371/journal.pone.0199239."""
PIXELS = 38
"""What the bar takes below the panels: a gap, the bar, its labels."""
GAP = 8


def color_axis(figure: go.Figure, values: Iterable[float], title: str) -> None:
    """Give all traces on ``coloraxis``, which hold log10, one range and a bar with plain ticks."""
    held = [math.log10(value) for value in values if math.isfinite(value) and value > 0]
    low, high = (min(held), max(held)) if held else (0.0, 1.0)
    low, high = (low, high) if high > low else (low - 0.1, high + 0.1)
    ticks = log_ticks(low, high, FEW)
    places = [math.log10(float(value)) for value in ticks["tickvals"]]
    pairs = zip(places, ticks["ticktext"], strict=True)
    kept = [(at, text) for at, text in pairs if low <= at <= high]
    bar = {
        "orientation": "h",
        "thickness": 8,
        "len": 0.6,
        "x": 0,
        "xanchor": "left",
        "xpad": 0,
        "yref": "container",
        "yanchor": "top",
        "ypad": 0,
        "outlinewidth": 0,
        "tickvals": [at for at, _ in kept],
        "ticktext": [text for _, text in kept],
        "tickfont": {"size": FONT_SIZE - 1},
        "title": {"text": title, "side": "right", "font": {"size": FONT_SIZE}},
    }
    figure.update_layout(
        coloraxis={"colorscale": SCALE, "cmin": low, "cmax": high, "colorbar": bar}
    )


def place_bar(figure: go.Figure, below: float) -> None:
    """Put the bar into the uppermost of these pixels at the bottom of the figure."""
    figure.layout.coloraxis.colorbar.y = (below - GAP) / figure.layout.height
