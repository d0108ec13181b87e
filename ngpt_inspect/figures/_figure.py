"""The contract of this room: a figure draws a tidy table and computes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True)
class Option:
    """A choice a figure offers; its first value is the default, and the paper's way."""

    name: str
    values: tuple[Any, ...]
    """All values there are; empty where any whole number will do (a layer)."""
    help: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: which table it needs and how it draws its rows.

    Adding one file that declares one `Figure` adds it to `ni.figure`, ``ngpt-inspect figures``
    and the dashboard.
    """

    name: str
    title: str
    summary: str
    """One line: what is on the axes and how to read it."""
    draw: Callable[..., go.Figure]
    """``draw(table, *, width=TWO_COLUMNS, **options)``; width in pixels, at 96 an inch."""
    source: str
    """The figure of arXiv 2410.01131 it redraws."""
    needs: tuple[str, ...] = ()
    """Names of the measures whose rows `draw` reads; the table is their concatenation."""
    results: str = ""
    """Instead of measures: the name of the wide table that `draw` reads: one of training
    results, or `path` of traces (`ngpt_inspect.gallery.wide`)."""
    options: tuple[Option, ...] = ()
    formula: str = ""
    """How the drawn numbers are computed, in plain words and Unicode symbols."""
    roles: tuple[str, ...] | None = None
    """Draws these roles only: nothing else need be measured. None: all a measure covers."""
