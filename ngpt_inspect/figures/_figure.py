"""The contract of this room: a figure draws a tidy table and computes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: which measures it needs and how it draws their rows.

    Adding one file that declares one `Figure` adds it to `ni.figure`, ``ngpt-inspect figures``
    and the dashboard.
    """

    name: str
    title: str
    summary: str
    """One line: what is on the axes and how to read it."""
    needs: tuple[str, ...]
    """Names of the measures whose rows `draw` reads; the table is their concatenation."""
    draw: Callable[[pd.DataFrame], go.Figure]
    source: str
    """The figure of arXiv 2410.01131 it redraws."""
    formula: str = ""
    """How the drawn numbers are computed, in plain words and Unicode symbols."""
    roles: tuple[str, ...] | None = None
    """Draws these roles only: nothing else need be measured. None: all a measure covers."""
