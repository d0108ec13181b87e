"""The legend above the panels: its entries, and how many lines plotly breaks them into."""

from collections.abc import Iterable
from typing import Any

from ngpt_inspect.figures.canvas.marks import scatter
from ngpt_inspect.figures.canvas.text import width_of
from ngpt_inspect.figures.canvas.theme import FONT_SIZE
from ngpt_inspect.figures.canvas.types import Trace

LINE = 19
"""Pixels of one line."""
SAMPLE = 46
"""Pixels of the sample of a line or marker before its name, with the space around."""
LEGEND = {
    "orientation": "h",
    "traceorder": "grouped",
    "x": 0,
    "xref": "container",
    "y": 1,
    "yref": "container",
    "yanchor": "top",
}
"""Grouped, entries follow one another as words do, and `lines_of` holds; else plotly gives each
of them the width of the widest."""


def line_key(color: str, **line: Any) -> Trace:
    """Return a sample of a line for `Canvas.key`."""
    return scatter(mode="lines", line={"color": color, "width": 1.8, **line})


def marker_key(marker: dict[str, Any]) -> Trace:
    """Return a sample of a marker for `Canvas.key`."""
    return scatter(mode="markers", marker=marker)


def lines_of(names: Iterable[str], room: int) -> int:
    """Return how many lines plotly takes for a legend; they are no wider than the panels."""
    lines, used = 0, float(room)
    for name in names:
        entry = SAMPLE + width_of(name, FONT_SIZE)
        lines, used = (lines, used + entry) if used + entry <= room else (lines + 1, entry)
    return lines
