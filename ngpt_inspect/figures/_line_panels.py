"""A grid of panels of training results that fits a width: axes, legend, footnotes, size."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures._panel_axes import Panel, x_axis, y_axis
from ngpt_inspect.figures._theme import FONT_SIZE, NEUTRAL, template

if TYPE_CHECKING:
    import plotly.graph_objects as go

LEFT, RIGHT = 48, 12
"""Pixels beside the panels: tick labels and title of the y axis; half of the last x label."""
INNER = 48
"""Pixels between two columns that have tick labels of their own, and between two that share."""
SHARED = 16
BELOW, TITLE = 34, 16
"""Pixels of tick labels and title below a panel, and of the title above it."""
BETWEEN = 7
"""Pixels that keep two lines of panels apart."""
NARROWEST = 120
"""Panels do not get narrower than this many pixels: they wrap into a further line."""
LEGEND_LINE, NOTE_LINE = 19, 12
NOTE_SIZE = FONT_SIZE - 1.3
KEY, KEY_CHARACTER = 44, 5.8
"""Pixels of a legend entry without its words, and of a character of them, on average."""
CHARACTER = 4.75
"""Pixels of a character of a footnote, on average."""


class Grid:
    """Panels in lines, with one legend above and footnotes below.

    Parameters
    ----------
    lines
        Panels that belong side by side; what does not fit into the width wraps.
    width
        Pixels of the whole figure.
    share_y
        Whether all panels have one y range, written once in each line.
    height
        Pixels of one panel.
    """

    def __init__(
        self, lines: Sequence[Sequence[Panel]], width: int, *, share_y: bool, height: int = 138
    ) -> None:
        import plotly.graph_objects as go

        self.width = width
        self.height = height
        self.share_y = share_y
        self.panels = [panel for line in lines for panel in line]
        longest = max((len(line) for line in lines), default=1)
        self.gap = SHARED if share_y else INNER
        room = width - LEFT - RIGHT + self.gap
        self.columns = max(1, min(longest, room // (NARROWEST + self.gap)))
        self.panel_width = room / self.columns - self.gap
        self.places: list[tuple[int, int]] = []
        row = 0
        for line in lines:
            for at in range(len(line)):
                row += at > 0 and at % self.columns == 0
                self.places.append((row, at % self.columns))
            row += 1
        self.rows = max(row, 1)
        self.figure: go.Figure = go.Figure()
        self._edges: list[tuple[int, Any]] = []
        self._keys: dict[str, Any] = {}

    def add(self, at: int, trace: Any, xs: Iterable[float], ys: Iterable[float]) -> None:
        """Put a trace into the panel of this number; its axes will cover these values."""
        self.panels[at].xs += [x for x in xs if math.isfinite(x)]
        self.panels[at].ys += [y for y in ys if math.isfinite(y) and y <= self.panels[at].y_top]
        trace.update(xaxis=f"x{at + 1}", yaxis=f"y{at + 1}", showlegend=False)
        self.figure.add_trace(trace)

    def at_top(self, at: int, trace: Any) -> None:
        """Put a trace at the upper edge of a panel: values that no axis holds."""
        self.panels[at].xs += list(trace.x)
        self._edges.append((at, trace))

    def upright(self, at: int, x: float, line: dict[str, Any]) -> None:
        """Draw a line across a panel at one x."""
        self.panels[at].xs.append(x)
        number = "" if at == 0 else at + 1  # plotly calls its first axes x and y
        axes = {"xref": f"x{number}", "yref": f"y{number} domain"}
        # "below" is hidden by the grid, and plotly.js fails on "between" with a domain
        self.figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, line=line, layer="above", **axes)

    def key(self, name: str, trace: Any) -> None:
        """Have an entry in the legend, once for each name; a line that is no run has a meta."""
        if name not in self._keys:
            meta = trace.meta or "legend"
            trace.update(x=[None], y=[None], name=name, showlegend=True, meta=meta)
            self._keys[name] = trace

    def finish(self, notes: Sequence[str]) -> go.Figure:
        """Set the axes, write legend and footnotes, and return the figure."""
        if not self._keys:
            return _empty(self.figure, self.width, notes)
        self._scale()
        keys = sorted(self._keys.values(), key=lambda key: key.mode == "markers")
        for trace in keys:
            self.figure.add_trace(trace)
        lines = _legend_lines([key.name for key in keys], self.width - LEFT - RIGHT)
        top = TITLE + 8 + LEGEND_LINE * lines
        below = [line for note in notes for line in _wrapped(note, self.width)]
        bottom = BELOW + 4 + NOTE_LINE * len(below) + 4 * bool(below)
        step = self.height + BELOW + TITLE + BETWEEN
        inside = self.rows * step - step + self.height
        self._place(inside, step)
        for line, words in enumerate(below):
            self._note(words, BELOW + 4 + NOTE_LINE * line)
        self.figure.update_layout(
            template=template(),
            width=self.width,
            height=top + inside + bottom,
            margin={"l": LEFT, "r": RIGHT, "t": top, "b": bottom},
            legend={
                "orientation": "h",
                "x": 0,
                "xref": "container",
                "y": 1,
                "yref": "container",
                "yanchor": "top",
            },
            showlegend=True,
            meta={"notes": list(notes)},
        )
        return self.figure

    def _scale(self) -> None:
        """Give every axis its range and ticks, and marks at the top edge their height."""
        everything = [y for panel in self.panels for y in panel.ys]
        for at, panel in enumerate(self.panels):
            hidden = self.share_y and self.places[at][1] > 0
            y = y_axis(panel, everything if self.share_y else panel.ys, hidden=hidden)
            x = x_axis(panel, self.panel_width)
            self.figure.layout[f"xaxis{at + 1}"] = x | {"anchor": f"y{at + 1}"}
            anchors = dict.fromkeys(["anchor", *["scaleanchor"] * panel.equal], f"x{at + 1}")
            self.figure.layout[f"yaxis{at + 1}"] = y | anchors
            high = y["range"][1]
            top = 10**high if panel.log_y else high
            for place, trace in self._edges:
                if place == at:
                    trace.update(y=[top] * len(trace.x), cliponaxis=False)
                    trace.update(xaxis=f"x{at + 1}", yaxis=f"y{at + 1}", showlegend=False)
                    self.figure.add_trace(trace)

    def _place(self, inside: int, step: int) -> None:
        """Put every panel where it belongs, with its title."""
        across = self.width - LEFT - RIGHT
        for at, ((row, column), panel) in enumerate(zip(self.places, self.panels, strict=True)):
            left = column * (self.panel_width + self.gap)
            down = row * step
            x = [left / across, min((left + self.panel_width) / across, 1)]
            y = [max(1 - (down + self.height) / inside, 0), 1 - down / inside]
            self.figure.layout[f"xaxis{at + 1}"].domain = x
            self.figure.layout[f"yaxis{at + 1}"].domain = y
            self.figure.add_annotation(
                text=panel.title,
                x=sum(x) / 2,
                xref="paper",
                y=y[1],
                yref="paper",
                xanchor="center",
                yanchor="bottom",
                showarrow=False,
            )

    def _note(self, words: str, down: float) -> None:
        self.figure.add_annotation(
            text=words,
            name="note",
            x=0,
            xref="paper",
            xanchor="left",
            xshift=8 - LEFT,
            y=0,
            yref="paper",
            yanchor="top",
            yshift=-down,
            showarrow=False,
            align="left",
            font={"size": NOTE_SIZE, "color": NEUTRAL},
        )


def _legend_lines(names: Sequence[str], room: int) -> int:
    """Return how many lines plotly takes for a horizontal legend with these entries."""
    lines, used = 1, 0.0
    for name in names:
        entry = KEY + KEY_CHARACTER * len(name)
        lines, used = (lines, used + entry) if used + entry <= room else (lines + 1, entry)
    return lines


def _wrapped(note: str, width: int) -> list[str]:
    """Return the lines of a footnote."""
    return [escape(line) for line in textwrap.wrap(note, int((width - 16) / CHARACTER))]


def _empty(figure: go.Figure, width: int, notes: Sequence[str]) -> go.Figure:
    """Return a figure that says why nothing is drawn."""
    lines = [line for note in notes for line in _wrapped(note, width)]
    text = "<br>".join(["<b>Nothing to draw</b>", *lines])
    figure.add_annotation(
        text=text, name="note", x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False
    )
    figure.update_layout(
        template=template(),
        width=width,
        height=140,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        meta={"notes": list(notes)},
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure
