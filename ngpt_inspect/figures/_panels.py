"""A grid of small panels, their axes, and the marks of values that have no place on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures._legend import NOTE, add_legend, add_notes
from ngpt_inspect.figures._marks import MARKS, edge_mark
from ngpt_inspect.figures._notes import why_not_drawn
from ngpt_inspect.figures._rows import Rows, Style
from ngpt_inspect.figures._theme import TWO_COLUMNS, template
from ngpt_inspect.figures._ticks import log_ticks
from ngpt_inspect.vocabulary import Role

if TYPE_CHECKING:
    import plotly.graph_objects as go

Cell = tuple[int, int]
"""Row and column of a panel, from 1."""

GAP, WIDE_GAP = 44, 62
"""Pixels between two rows of panels: tick labels and the titles of the lower row; wide where
the upper row has axis titles of its own."""


class Panels:
    """The grid a figure fills.

    Parameters
    ----------
    rows
        What is drawn; its styles become the legend.
    titles
        One list a row of the grid, the titles of its panels; None leaves a gap.
    roles
        The roles the figure is about: those that are nowhere are named in a footnote.
    log
        Panels with a logarithmic y axis.
    height
        Pixels of one panel.
    gap
        Pixels between two rows of panels.
    spacing
        Fraction of the width between two columns.
    """

    def __init__(
        self,
        rows: Rows,
        titles: Sequence[Sequence[str | None]],
        roles: Iterable[Role],
        *,
        log: Iterable[Cell] = (),
        height: int = 118,
        gap: int = GAP,
        spacing: float = 0.03,
    ) -> None:
        from plotly.subplots import make_subplots

        self.rows = rows
        self.roles = list(roles)
        self.log = set(log)
        self.height = height
        self.gap = gap
        self.used: set[str] = set()
        self.marks: set[str] = set()
        self._edges: list[tuple[Cell, float, str, Style, str]] = []
        self._values: dict[Cell, list[float]] = {}
        self._bands: list[tuple[Cell, Any]] = []
        titles = [line for line in titles if line]
        self.n_rows = max(len(titles), 1)
        self.n_columns = max((len(line) for line in titles), default=1)
        padded = [[*line, *[None] * (self.n_columns - len(line))] for line in titles]
        self.cells: list[Cell] = [
            (row, column)
            for row, line in enumerate(padded, 1)
            for column, title in enumerate(line, 1)
            if title is not None
        ]
        self.figure: go.Figure = make_subplots(
            rows=self.n_rows,
            cols=self.n_columns,
            specs=[[None if title is None else {} for title in line] for line in padded or [[""]]],
            subplot_titles=[title for line in padded for title in line if title is not None],
            horizontal_spacing=spacing,
            vertical_spacing=gap / (self.n_rows * (height + gap)),
        )

    def add(self, cell: Cell, style: Style, trace: Any, values: Iterable[float] = ()) -> None:
        """Put a trace of one checkpoint into a panel; the y range will cover `values`."""
        self.used.add(style.key)
        self._values.setdefault(cell, []).extend(value for value in values if math.isfinite(value))
        trace.update(legendgroup=style.key, showlegend=False, name=style.label)
        self.figure.add_trace(trace, row=cell[0], col=cell[1])
        if trace.meta == "band":
            self._bands.append((cell, self.figure.data[-1]))

    def at_edge(self, cell: Cell, x: float, mark: str, style: Style, hover: str) -> None:
        """Show a value that the axis cannot hold at its edge, with the reason on hover."""
        self._edges.append((cell, x, mark, style, hover))

    def symbol(self, mark: str) -> str:
        """Return the plotly symbol of a mark, which now has a legend entry."""
        self.marks.add(mark)
        return MARKS[mark].symbol

    def share_y(self, cells: Iterable[Cell], *, include: Sequence[float] = ()) -> None:
        """Give these panels one y range that covers all their values (and `include`).

        Linear ranges start at zero where nothing is below it.
        """
        cells = list(cells)
        log = any(cell in self.log for cell in cells)
        held = [value for cell in cells for value in self._values.get(cell, [])] + [*include]
        held = [math.log10(value) for value in held if value > 0] if log else held
        low, high = (min(held), max(held)) if held else (0.0, 1.0)
        from_zero = not log and low >= 0
        bottom = 0.0 if from_zero else low
        pad = 0.07 * (high - bottom) or 0.06
        bottom = bottom if from_zero else bottom - pad
        ticks: dict[str, Any] = log_ticks(low, high) if log else {"nticks": 5}
        ticks["type"] = "log" if log else "linear"
        for row, column in cells:
            self.figure.update_yaxes(range=[bottom, high + pad], row=row, col=column, **ticks)
        edges = [10**bottom, 10 ** (high + pad)] if log else [bottom, high + pad]
        self._draw_edges(set(cells), edges[0], edges[1])

    def _draw_edges(self, cells: set[Cell], low: float, high: float) -> None:
        for cell, band in self._bands:
            if cell in cells:
                band.y = [min(max(value, low), high) for value in band.y]
        for cell, x, mark, style, hover in self._edges:
            if cell in cells:
                y = high if mark == "infinite" else low
                self.symbol(mark)
                self.add(cell, style, edge_mark(x, y, mark, style.color, hover))

    def label(self, cells: Iterable[Cell], *, x: str = "", y: str = "") -> None:
        """Title the axes: y in the first column, x under the last panel of each column."""
        cells = list(cells)
        for row, column in cells:
            if x and not any(other[1] == column and other[0] > row for other in cells):
                self.figure.update_xaxes(title_text=x, row=row, col=column)
            if y and column == 1:
                self.figure.update_yaxes(title_text=y, row=row, col=column)
            if y and column > 1:
                self.figure.update_yaxes(showticklabels=False, row=row, col=column)

    def finish(self) -> go.Figure:
        """Add legend, footnotes and size, and return the figure."""
        notes = why_not_drawn(self.rows, self.roles, self.used)
        drawn = [style for style in self.rows.styles if style.key in self.used]
        top = 26 + add_legend(self.figure, drawn, self.marks)
        bottom = 38 + add_notes(self.figure, notes, empty=not drawn)
        self.figure.update_layout(
            template=template(),
            width=TWO_COLUMNS,
            height=top + bottom + self.n_rows * (self.height + self.gap) - self.gap,
            margin={"l": 46, "r": 8, "t": top, "b": bottom},
            meta={"notes": notes},
        )
        for annotation in self.figure.layout.annotations:
            if annotation.name != NOTE:
                annotation.font = None  # make_subplots writes its titles in 16 px
        return self.figure
