"""What stands around the panels: the legend above and the footnotes below."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures._grid import LEFT, RIGHT
from ngpt_inspect.figures._marks import MARKS, key_of
from ngpt_inspect.figures._rows import Style
from ngpt_inspect.figures._text import width_of, wrapped
from ngpt_inspect.figures._theme import FONT_SIZE, NEUTRAL

if TYPE_CHECKING:
    import plotly.graph_objects as go

NOTE = "note"
"""Name of the annotations that are footnotes; the others are titles of panels."""
NOTE_SIZE = FONT_SIZE - 1.3
LEGEND_LINE, NOTE_LINE = 17, 13
"""Pixels of one line of each."""
SAMPLE = 46
"""Pixels of the sample of a line before its name, with the space around."""


def line_key(name: str, color: str, **line: Any) -> go.Scatter:
    """Return a trace that draws nothing and puts a sample of a line into a legend."""
    import plotly.graph_objects as go

    return go.Scatter(
        x=[None],
        y=[None],
        mode="lines",
        line={"color": color, "width": 1.8, **line},
        name=name,
        meta="key",
    )


def add_legend(
    figure: go.Figure,
    drawn: Sequence[Style],
    marks: Collection[str],
    keys: Sequence[go.Scatter],
    width: int,
) -> int:
    """Add an entry for each checkpoint, kind of line and mark; return the pixels they take."""
    for style in drawn:
        entry = line_key(style.label, style.color, dash=style.dash)
        figure.add_trace(entry.update(legendgroup=style.key, meta="legend"))
    used = [mark for mark in MARKS if mark in marks]
    for key in [*keys, *(key_of(mark, NEUTRAL) for mark in used)]:
        figure.add_trace(key)
    figure.update_layout(
        showlegend=bool(drawn or keys or used),
        legend={"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
    )
    words = [style.label for style in drawn]
    words += [key.name for key in keys] + [MARKS[mark].words for mark in used]
    return LEGEND_LINE * _lines([SAMPLE + width_of(text, FONT_SIZE) for text in words], width)


def _lines(entries: Sequence[float], width: int) -> int:
    """Return how many lines plotly breaks a legend into: columns as wide as the widest entry."""
    if not entries or sum(entries) <= width - LEFT - RIGHT:
        return min(len(entries), 1)
    a_line = max(int((width - LEFT - RIGHT) // max(entries)), 1)
    return math.ceil(len(entries) / a_line)


def add_notes(
    figure: go.Figure, notes: Sequence[str], width: int, *, foot: int, empty: bool
) -> int:
    """Write the footnotes, or the reason why nothing is drawn; return the pixels they take.

    `foot` is what the axis below the last panel takes of them.
    """
    if empty:
        figure.update_xaxes(visible=False)
        figure.update_yaxes(visible=False)
        lines = [
            line
            for note in notes
            for line in wrapped(note.split(" "), width - LEFT - RIGHT, FONT_SIZE)
        ]
        middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "name": NOTE}
        text = "<br>".join(["<b>Nothing to draw</b>", *lines])
        figure.add_annotation(text=text, showarrow=False, **middle)
        return foot
    lines = [
        line for note in notes for line in wrapped(note.split(" "), width - 2 * RIGHT, NOTE_SIZE)
    ]
    for number, line in enumerate(lines):
        figure.add_annotation(
            text=line,
            name=NOTE,
            x=0,
            xref="paper",
            xanchor="left",
            xshift=RIGHT - LEFT,
            y=0,
            yref="paper",
            yanchor="top",
            yshift=-(foot - 2 + NOTE_LINE * number),
            showarrow=False,
            font={"size": NOTE_SIZE, "color": NEUTRAL},
        )
    return foot + NOTE_LINE * len(lines)
