"""Where panels stand: how many fit side by side in a width, and all their places in pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures._text import width_of, wrapped
from ngpt_inspect.figures._theme import FONT_SIZE

if TYPE_CHECKING:
    import plotly.graph_objects as go

Cell = tuple[int, int]
"""Group and place in the group of a panel, or row and column of the grid; both from 1."""

LEFT, RIGHT = 46, 8
"""Pixels beside the panels; tick labels and one axis title fit on the left."""
LEAST = 100
"""A panel is never narrower than so many pixels, if there is more than one beside another."""
SHARED, OWN = 14, 38
"""Pixels between two columns of panels that share their tick labels, or have their own."""
TALLEST = 0.86
"""Height of a panel by its width, at most."""
TICKS, TITLE, AXIS_TITLE, BARE = 24, 17, 18, 8
"""Pixels of tick labels, of one line of a panel's title, of the title of an x axis, and of an
axis without either."""


def arranged(lengths: Sequence[int], width: int) -> dict[Cell, Cell]:
    """Give each panel of each group a place (row, column) in a grid that fits a width.

    One group a row where all fit side by side; else one group a column, where that fits; else
    each group goes on in the next row.
    """
    most = max(1, (width - LEFT - RIGHT + OWN) // (LEAST + OWN))
    cells = [(group, at) for group, n in enumerate(lengths, 1) for at in range(1, n + 1)]
    if max(lengths, default=0) <= most:
        return {cell: cell for cell in cells}
    if 1 < len(lengths) <= most:
        return {(group, at): (at, group) for group, at in cells}
    above = [sum(math.ceil(n / most) for n in lengths[:group]) for group in range(len(lengths))]
    return {
        (group, at): (above[group - 1] + (at - 1) // most + 1, (at - 1) % most + 1)
        for group, at in cells
    }


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The panels of a figure by their place in it, to be laid out when their axes are known."""

    figure: go.Figure
    titles: Mapping[Cell, str]
    """Of every panel, by row and column."""
    below: Mapping[Cell, Sequence[str]]
    """Words between the title of a panel and the panel."""
    width: int
    height: int
    """Of the figure, and of one panel at most."""

    @property
    def n_rows(self) -> int:
        """Rows of panels."""
        return max((row for row, _ in self.titles), default=1)

    @property
    def n_columns(self) -> int:
        """Columns of panels."""
        return max((column for _, column in self.titles), default=1)

    def lay_out(self, top: int, bottom: int) -> None:
        """Set size, margins, the place of every panel, and write their titles.

        `top` and `bottom` are the pixels above the titles and below the panels.
        """
        across = self.width - LEFT - RIGHT
        spacing = OWN if self._has_own_ticks() else SHARED
        wide = (across - spacing * (self.n_columns - 1)) / self.n_columns
        tall = round(min(self.height, TALLEST * wide))
        titles = {
            cell: _fitted(title, self.below[cell], wide) for cell, title in self.titles.items()
        }
        heads = [self._head(titles, row) for row in range(1, self.n_rows + 1)]
        gaps = [self.foot(row) + heads[row] for row in range(1, self.n_rows)]
        down = self.n_rows * tall + sum(gaps)
        for cell in self.titles or [(1, 1)]:
            row, column = cell
            x = (column - 1) * (wide + spacing)
            y = (row - 1) * tall + sum(gaps[: row - 1])
            self.axis("x", cell).domain = [x / across, min((x + wide) / across, 1)]
            self.axis("y", cell).domain = [max(1 - (y + tall) / down, 0), 1 - y / down]
            self._write(titles.get(cell, ""), (x + wide / 2) / across, 1 - y / down)
        top += heads[0] + 8
        self.figure.update_layout(
            width=self.width,
            height=top + bottom + down,
            margin={"l": LEFT, "r": RIGHT, "t": top, "b": bottom},
        )

    def axis(self, which: str, cell: Cell) -> Any:
        """Return the x or y axis of a panel."""
        return getattr(self.figure.get_subplot(*cell), f"{which}axis")

    def _has_own_ticks(self) -> bool:
        later = [cell for cell in self.titles if cell[1] > 1]
        return any(self.axis("y", cell).showticklabels is not False for cell in later)

    def _head(self, titles: Mapping[Cell, str], row: int) -> int:
        """Return the pixels that the titles of a row take."""
        mine = [title for cell, title in titles.items() if cell[0] == row and title]
        return max((TITLE + 13 * title.count("<br>") for title in mine), default=0)

    def foot(self, row: int) -> int:
        """Return the pixels that ticks and axis titles below a row take."""
        mine = [self.axis("x", cell) for cell in self.titles if cell[0] == row]
        labelled = any(axis.showticklabels is not False for axis in mine)
        titled = any(axis.title.text for axis in mine)
        return (TICKS if labelled or titled or not mine else BARE) + AXIS_TITLE * titled

    def _write(self, title: str, x: float, y: float) -> None:
        self.figure.add_annotation(
            text=title,
            x=x,
            y=y,
            xref="paper",
            yref="paper",
            xanchor="center",
            yanchor="bottom",
            showarrow=False,
            name="title",
        )


def _fitted(title: str, words: Sequence[str], wide: float) -> str:
    """Break a title at its double space where it would meet the next; add what is below."""
    first = title.replace("  ", "<br>") if width_of(title, FONT_SIZE) > wide + SHARED else title
    return "<br>".join([first, *wrapped(words, wide, FONT_SIZE)])
