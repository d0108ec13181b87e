"""Joins tables and figures: the one place that knows both."""

from ngpt_inspect.figures.canvas.render import require_format
from ngpt_inspect.figures.canvas.screen import for_screen
from ngpt_inspect.gallery.choices import figure_named, scope, spoken
from ngpt_inspect.gallery.code import Code, code_for
from ngpt_inspect.gallery.drawing import colors, figure
from ngpt_inspect.gallery.files import Drawn, draw_all, notes_of, rendered, save_figure
from ngpt_inspect.gallery.rows import drawn_rows, joined, thinned
from ngpt_inspect.gallery.wide import is_checkpoint

__all__ = [
    "Code",
    "Drawn",
    "code_for",
    "colors",
    "draw_all",
    "drawn_rows",
    "figure",
    "figure_named",
    "for_screen",
    "is_checkpoint",
    "joined",
    "notes_of",
    "rendered",
    "require_format",
    "save_figure",
    "scope",
    "spoken",
    "thinned",
]
