"""Joins tables and figures: the one place that knows both."""

from ngpt_inspect.figures.canvas.render import one_browser, require_format
from ngpt_inspect.figures.canvas.screen import drawing_code, for_screen, grounds
from ngpt_inspect.plotting.by_name import colors, figure
from ngpt_inspect.plotting.choices import figure_named, scope, spoken
from ngpt_inspect.plotting.code import code_for
from ngpt_inspect.plotting.documents import Pictured, pictured, pictures_of, self_explaining
from ngpt_inspect.plotting.files import notes_of, rendered, save_figure, save_figures
from ngpt_inspect.plotting.joining import drawn_rows, joined, thinned
from ngpt_inspect.plotting.wide import is_checkpoint

__all__ = [
    "Pictured",
    "code_for",
    "colors",
    "drawing_code",
    "drawn_rows",
    "figure",
    "figure_named",
    "for_screen",
    "grounds",
    "is_checkpoint",
    "joined",
    "notes_of",
    "one_browser",
    "pictured",
    "pictures_of",
    "rendered",
    "require_format",
    "save_figure",
    "save_figures",
    "scope",
    "self_explaining",
    "spoken",
    "thinned",
]
