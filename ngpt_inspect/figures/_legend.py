"""What stands around the panels: the legend above and the footnotes below."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ngpt_inspect.figures._marks import MARKS, key_of
from ngpt_inspect.figures._rows import Style
from ngpt_inspect.figures._theme import FONT_SIZE, NEUTRAL, TWO_COLUMNS

if TYPE_CHECKING:
    import plotly.graph_objects as go

NOTE = "note"
"""Name of the annotations that are footnotes; the others are titles of panels."""
LEGEND_LINE, NOTE_LINE = 17, 13
"""Pixels of one line of each."""


def add_legend(figure: go.Figure, drawn: Sequence[Style], marks: Collection[str]) -> int:
    """Add one entry a checkpoint and one a mark that is used; return the pixels they take."""
    import plotly.graph_objects as go

    for style in drawn:
        figure.add_trace(
            go.Scatter(
                x=[None],
                y=[None],
                mode="lines",
                line={"color": style.color, "dash": style.dash, "width": 1.8},
                legendgroup=style.key,
                name=style.label,
                meta="legend",
            )
        )
    used = [mark for mark in MARKS if mark in marks]
    for mark in used:
        figure.add_trace(key_of(mark, NEUTRAL))
    figure.update_layout(
        showlegend=bool(drawn),
        legend={"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
    )
    words = [style.label for style in drawn] + [MARKS[mark].words for mark in used]
    widest = max((46 + 6.5 * len(text) for text in words), default=1)
    a_line = max(int(TWO_COLUMNS // widest), 1)
    return LEGEND_LINE * math.ceil(len(words) / a_line)


def add_notes(figure: go.Figure, notes: Sequence[str], *, empty: bool) -> int:
    """Write the footnotes, or the reason why nothing is drawn; return the pixels they take."""
    if empty:
        figure.update_xaxes(visible=False)
        figure.update_yaxes(visible=False)
        text = "<br>".join(["<b>Nothing to draw</b>", *notes])
        middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "name": NOTE}
        figure.add_annotation(text=text, showarrow=False, **middle)
        return 0
    for line, note in enumerate(notes, 1):
        figure.add_annotation(
            text=note,
            name=NOTE,
            x=0,
            xref="paper",
            xanchor="left",
            y=0,
            yref="paper",
            yanchor="top",
            yshift=-(26 + NOTE_LINE * line - 3),
            showarrow=False,
            font={"size": FONT_SIZE - 1.3, "color": NEUTRAL},
        )
    return NOTE_LINE * len(notes)
