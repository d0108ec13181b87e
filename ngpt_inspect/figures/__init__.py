"""Drawings of the tidy table, one file each, found by listing this folder."""

from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.plugins import collect

FIGURES = collect(__name__, __path__, Figure)

__all__ = ["FIGURES", "Choice", "Figure"]
