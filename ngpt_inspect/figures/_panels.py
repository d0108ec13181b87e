"""A grid of small panels, their axes, and the marks of values that have no place on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures._color_bar import PIXELS as BAR
from ngpt_inspect.figures._color_bar import color_axis, place_bar
from ngpt_inspect.figures._grid import Cell, Grid, arranged
from ngpt_inspect.figures._legend import add_legend, add_notes, line_key
from ngpt_inspect.figures._marks import MARKS, edge_mark
from ngpt_inspect.figures._notes import why_not_drawn
from ngpt_inspect.figures._rows import Rows, Style
from ngpt_inspect.figures._theme import NEUTRAL, template
from ngpt_inspect.figures._ticks import FEW, log_ticks
from ngpt_inspect.vocabulary import Role

if TYPE_CHECKING:
    import numpy as np
    import plotly.graph_objects as go


class Panels:
    """The grid a figure fills. Panels are named by group and place in it, wherever they stand.

    Parameters
    ----------
    rows
        What is drawn; its styles become the legend.
    groups
        The titles of the panels, in groups that belong together; None leaves a gap. A group is
        a row of the grid where the width allows (`arranged`). A title breaks at a double space.
    roles
        The roles the figure is about: those that are nowhere are named in a footnote.
    width
        Pixels of the figure.
    log
        Panels with a logarithmic y axis.
    height
        Pixels of one panel, at most.
    named_above
        The titles name the checkpoints, so that the legend need not.
    """

    def __init__(
        self,
        rows: Rows,
        groups: Sequence[Sequence[str | None]],
        roles: Iterable[Role],
        *,
        width: int,
        log: Iterable[Cell] = (),
        height: int = 118,
        named_above: bool = False,
    ) -> None:
        from plotly.subplots import make_subplots

        self.rows = rows
        self.roles = list(roles)
        self.log = set(log)
        self.width = width
        self.named_above = named_above
        self.used: set[str] = set()
        self.marks: set[str] = set()
        self.keys: list[Any] = []
        self.notes: list[str] = []
        self._edges: list[tuple[Cell, float, str, Style, str]] = []
        self._values: dict[Cell, list[np.ndarray]] = {}
        self._bands: list[tuple[Cell, Any]] = []
        self._colored: list[float] = []
        self._has_bar = False
        self._x: dict[Cell, list[np.ndarray]] = {}
        groups = [group for group in groups if group]
        titles = {
            (group, at): title
            for group, line in enumerate(groups, 1)
            for at, title in enumerate(line, 1)
            if title is not None
        }
        self.cells: list[Cell] = list(titles)
        self._places = arranged([len(group) for group in groups], width)
        placed = {self._places[cell]: title for cell, title in titles.items()}
        n_rows = max((row for row, _ in placed), default=1)
        n_columns = max((column for _, column in placed), default=1)
        self.figure: go.Figure = make_subplots(
            rows=n_rows,
            cols=n_columns,
            specs=[
                [
                    {} if (row, column) in placed or not placed else None
                    for column in range(1, n_columns + 1)
                ]
                for row in range(1, n_rows + 1)
            ],
        )
        self._numbers: dict[Cell, list[str]] = {place: [] for place in placed}
        self._grid = Grid(
            figure=self.figure, titles=placed, below=self._numbers, width=width, height=height
        )

    def place(self, cell: Cell) -> dict[str, int]:
        """Return row and column of a panel as plotly takes them."""
        row, column = self._places[cell]
        return {"row": row, "col": column}

    def is_first(self, cell: Cell) -> bool:
        """Whether a panel stands in the first column, where tick labels are."""
        return self._places[cell][1] == 1

    def add(self, cell: Cell, style: Style, trace: Any, values: Iterable[float] = ()) -> None:
        """Put a trace of one checkpoint into a panel; the y range will cover `values`."""
        self.used.add(style.key)
        self._values.setdefault(cell, []).append(_numbers(values))
        self._x.setdefault(cell, []).append(_numbers(trace.x))
        trace.legendgroup, trace.showlegend, trace.name = style.key, False, style.label
        self.figure.add_trace(trace, **self.place(cell))
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
        low, high = _ends([v for cell in cells for v in self._values.get(cell, [])], include, log)
        from_zero = not log and low >= 0
        bottom = 0.0 if from_zero else low
        pad = 0.07 * (high - bottom) or 0.06
        bottom = bottom if from_zero else bottom - pad
        ticks: dict[str, Any] = log_ticks(low, high) if log else {"nticks": 5}
        ticks["type"] = "log" if log else "linear"
        for cell in cells:
            self.figure.update_yaxes(range=[bottom, high + pad], **ticks, **self.place(cell))
        edges = [10**bottom, 10 ** (high + pad)] if log else [bottom, high + pad]
        self._draw_edges(set(cells), edges[0], edges[1])

    def cover_x(self, cells: Sequence[Cell], *, log: bool = False) -> None:
        """Give these panels one x range with some room around all that is drawn."""
        low, high = _ends([x for cell in cells for x in self._x.get(cell, [])], (), log)
        pad = 0.04 * (high - low) or 0.06
        ticks: dict[str, Any] = log_ticks(low, high, FEW) if log else {"nticks": FEW + 1}
        ticks |= {"type": "log" if log else "linear", "range": [low - pad, high + pad]}
        for cell in cells:
            self.figure.update_xaxes(**ticks, **self.place(cell))

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
        places = [self._places[cell] for cell in cells]
        for row, column in places:
            if x and not any(other[1] == column and other[0] > row for other in places):
                self.figure.update_xaxes(title_text=x, row=row, col=column)
            if y and column == 1:
                self.figure.update_yaxes(title_text=y, row=row, col=column)
            if y and column > 1:
                self.figure.update_yaxes(showticklabels=False, row=row, col=column)

    def share_x(self, cells: Iterable[Cell]) -> None:
        """Label the ticks of x under the last panel of each column only."""
        places = [self._places[cell] for cell in cells]
        for row, column in places:
            if any(other[1] == column and other[0] > row for other in places):
                self.figure.update_xaxes(showticklabels=False, row=row, col=column)

    def explain(self, name: str, **line: Any) -> None:
        """Give the legend an entry for a kind of line that belongs to no checkpoint."""
        self.keys.append(line_key(name, NEUTRAL, **line))

    def color(self, values: Iterable[float]) -> None:
        """Have the colour scale cover these values."""
        self._colored += values

    def color_bar(self, title: str) -> None:
        """Explain the colours below the panels, on one logarithmic scale for all of them."""
        self._has_bar = bool(self._colored)
        if self._has_bar:
            color_axis(self.figure, self._colored, title)

    def write_above(self, cell: Cell, style: Style, text: str) -> None:
        """Write a number of one checkpoint under the title of a panel, in its colour."""
        words = f'<span style="color:{style.color}">{text}</span>'
        self._numbers[self._places[cell]].append(words)

    def finish(self) -> go.Figure:
        """Add legends, footnotes and size, and return the figure."""
        notes = [*self.notes, *why_not_drawn(self.rows, self.roles, self.used)]
        drawn = [style for style in self.rows.styles if style.key in self.used]
        named = [] if self.named_above else drawn
        keys = self.keys if drawn else []
        top = add_legend(self.figure, named, self.marks, keys, self.width)
        foot = self._grid.foot(self._grid.n_rows)
        below = foot + (BAR if self._has_bar else 0)
        bottom = add_notes(self.figure, notes, self.width, foot=below, empty=not drawn)
        self._grid.lay_out(top, bottom)
        if self._has_bar:
            place_bar(self.figure, bottom - foot)
        self.figure.update_layout(template=template(), meta={"notes": notes})
        return self.figure


def _numbers(values: Iterable[float | None]) -> np.ndarray:
    """Return the finite numbers among these."""
    import numpy as np

    column = np.array(list(values), dtype=float)
    finite: np.ndarray = column[np.isfinite(column)]
    return finite


def _ends(
    columns: Sequence[np.ndarray], include: Sequence[float], log: bool
) -> tuple[float, float]:
    """Return the least and the largest of all these numbers, or of their logarithms."""
    import numpy as np

    held = np.concatenate([*columns, np.array(include, dtype=float)])
    held = np.log10(held[held > 0]) if log else held
    return (float(held.min()), float(held.max())) if held.size else (0.0, 1.0)
