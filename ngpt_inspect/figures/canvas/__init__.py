"""One canvas for all figures: panels with their axes, a legend, footnotes, files."""

from ngpt_inspect.figures.canvas.axes import Axis
from ngpt_inspect.figures.canvas.layout import Panel
from ngpt_inspect.figures.canvas.legend import line_key, marker_key
from ngpt_inspect.figures.canvas.marks import DOTTED, MARKS, across, band, marker
from ngpt_inspect.figures.canvas.panels import Canvas
from ngpt_inspect.figures.canvas.theme import NEUTRAL, ONE_COLUMN, TWO_COLUMNS, faded

__all__ = [
    "DOTTED",
    "MARKS",
    "NEUTRAL",
    "ONE_COLUMN",
    "TWO_COLUMNS",
    "Axis",
    "Canvas",
    "Panel",
    "across",
    "band",
    "faded",
    "line_key",
    "marker",
    "marker_key",
]
