"""The footnotes below the panels, or the reason why nothing is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ngpt_inspect.figures.canvas.text import wrapped
from ngpt_inspect.figures.canvas.theme import FONT_SIZE, NEUTRAL

if TYPE_CHECKING:
    import plotly.graph_objects as go

NOTE = "note"
"""Name of the annotations that are footnotes; the others are titles of panels."""
SIZE, LINE = FONT_SIZE - 1.3, 13
"""Pixels of the type, and of one line."""
EDGE = 8
"""Pixels between a footnote and the edge of the figure."""
EMPTY = 140
"""Pixels of a figure with nothing drawn."""


def wrapped_notes(notes: Sequence[str], width: int, size: float = SIZE) -> list[str]:
    """Return the lines of footnotes, each of which begins a new one."""
    return [line for note in notes for line in wrapped(note.split(" "), width - 2 * EDGE, size)]


def write_notes(figure: go.Figure, lines: Sequence[str], *, left: int, down: float) -> None:
    """Write lines from the left edge of the figure, so many pixels below its panels."""
    for number, line in enumerate(lines):
        figure.add_annotation(
            text=line,
            name=NOTE,
            **{"x": 0, "xref": "paper", "xanchor": "left", "xshift": EDGE - left},
            **{"y": 0, "yref": "paper", "yanchor": "top", "yshift": -(down + LINE * number)},
            showarrow=False,
            font={"size": SIZE, "color": NEUTRAL},
        )


def say_why_empty(figure: go.Figure, notes: Sequence[str], width: int) -> None:
    """Write the reasons where the panels would be."""
    lines = wrapped_notes(notes, width, FONT_SIZE)
    text = "<br>".join(["<b>Nothing to draw</b>", *lines])
    middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
    figure.add_annotation(text=text, name=NOTE, **middle)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    margin = dict.fromkeys(("l", "r", "t", "b"), EDGE)
    figure.update_layout(height=max(EMPTY, 2 * LINE * len(lines)), margin=margin)
