"""One canvas for all figures: panels with their axes, a legend, footnotes, files."""

from ngpt_inspect.figures.canvas.axes import Axis
from ngpt_inspect.figures.canvas.layout import Panel
from ngpt_inspect.figures.canvas.legend import line_key, marker_key
from ngpt_inspect.figures.canvas.marks import DOTTED, across, band, heatmap, marker, scatter
from ngpt_inspect.figures.canvas.panels import Canvas
from ngpt_inspect.figures.canvas.theme import NEUTRAL, ONE_COLUMN, TWO_COLUMNS, faded
from ngpt_inspect.figures.canvas.types import Drawing, Frame, Trace

__all__ = [
    "DOTTED",
    "NEUTRAL",
    "ONE_COLUMN",
    "TWO_COLUMNS",
    "Axis",
    "Canvas",
    "Drawing",
    "Frame",
    "Panel",
    "Trace",
    "across",
    "band",
    "faded",
    "heatmap",
    "line_key",
    "marker",
    "marker_key",
    "scatter",
]
