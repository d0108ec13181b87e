"""The canvas of every figure: panels filled with traces, laid out to fit a width and a page."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ngpt_inspect.figures.canvas.axes import Axis
from ngpt_inspect.figures.canvas.color_bar import PIXELS as BAR
from ngpt_inspect.figures.canvas.color_bar import color_axis, place_bar
from ngpt_inspect.figures.canvas.layout import RIGHT, Groups, Layout, Panel, sides
from ngpt_inspect.figures.canvas.legend import LEGEND, line_key, lines_of, marker_key
from ngpt_inspect.figures.canvas.legend import LINE as LEGEND_LINE
from ngpt_inspect.figures.canvas.marks import DOTTED, MARKS, across, marker, scatter
from ngpt_inspect.figures.canvas.notes import LINE, say_why_empty, wrapped_notes, write_notes
from ngpt_inspect.figures.canvas.theme import NEUTRAL, template
from ngpt_inspect.figures.canvas.types import Drawing, Trace

HEIGHT = 118
"""Pixels of a panel, at most, where a figure does not say."""
ALIKE = 100
"""Factor between the largest values of two panels up to which they may share an axis."""
TOP = 8
"""Pixels above the legend."""


class Canvas:
    """Panels, one legend above them, footnotes below.

    Parameters
    ----------
    groups
        Panels that belong together: a row of the grid where the width allows (`arranged`).
    width
        Pixels of the figure.
    height
        Pixels of one panel, at most: panels are lower where the figure would not fit a page.
    """

    def __init__(self, groups: Groups, width: int, *, height: int = HEIGHT) -> None:
        import plotly.graph_objects as go

        self.groups = [group for group in groups if any(group)]
        self.panels = [panel for group in self.groups for panel in group if panel is not None]
        self.width, self.height = width, height
        self.figure: Drawing = go.Figure()
        self.notes: list[str] = []
        """Footnotes, in HTML: what comes from outside is escaped."""
        self.color_title = ""
        """What the colours say, if there are any."""
        self._colored: list[float] = []
        self._keys: dict[str, Trace] = {}
        self._edges: list[tuple[Panel, Trace]] = []
        self._own: dict[Panel, Axis] = {}
        """What each y axis would be if no other panel had it."""

    def add(
        self,
        panel: Panel,
        trace: Any,
        *,
        x: Iterable[float | None] | None = None,
        y: Iterable[float | None] | None = None,
    ) -> None:
        """Put a trace into a panel; its axes will cover these values, by default the trace's."""
        panel.x.cover(trace.x if x is None else x)
        held = list(trace.y if y is None else y)
        panel.y.cover(held)
        own = self._own.setdefault(panel, replace(panel.y, low=math.inf, high=-math.inf))
        own.cover(held)
        self.figure.add_trace(self._in(panel, trace))

    def _in(self, panel: Panel, trace: Any) -> Any:
        at = self.panels.index(panel) + 1
        return trace.update(xaxis=f"x{at}", yaxis=f"y{at}", showlegend=False)

    def at_edge(
        self, panel: Panel, x: Sequence[float], mark: str, color: str, hover: Any, **said: Any
    ) -> None:
        """Show values that the y axis cannot hold at its edge."""
        panel.x.cover(x)
        look = {"mode": "markers", "marker": marker(MARKS[mark].symbol, color), "cliponaxis": False}
        trace = scatter(x=x, hovertext=hover, hoverinfo="text", meta=mark, **look, **said)
        self._edges.append((panel, trace))
        self.symbol(mark)

    def symbol(self, mark: str) -> str:
        """Return the plotly symbol of a mark, which now has a legend entry."""
        symbol = MARKS[mark].symbol
        self.key(MARKS[mark].words, marker_key(marker(symbol, NEUTRAL)))
        return symbol

    def key(self, name: str, trace: Any, *, group: str = "", meta: str = "legend") -> None:
        """Have an entry in the legend, once for each name or group: lines, then markers.

        A line that is nobody's own has the meta "key" and stands behind the others.
        """
        if (group or name) not in self._keys:
            trace.update(x=[None], y=[None], name=name, legendgroup=group or name, meta=meta)
            self._keys[group or name] = trace.update(showlegend=True, hoverinfo="skip")

    def level(self, panel: Panel, y: float, ends: Sequence[float], words: str = "") -> None:
        """Draw the dotted line of something to compare with; `words` are its legend entry."""
        self.add(panel, across(ends, y))
        if words:
            self.key(words, line_key(**DOTTED))

    def upright(self, panel: Panel, x: float, line: dict[str, Any], words: str) -> None:
        """Draw a line across a panel at one x; `words` are its legend entry."""
        self.key(words, line_key(**line))
        panel.x.cover([x])
        at = self.panels.index(panel)
        number = "" if at == 0 else at + 1  # plotly calls its first axes x and y
        axes = {"xref": f"x{number}", "yref": f"y{number} domain"}
        # "below" is hidden by the grid, and plotly.js fails on "between" with a domain
        self.figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, line=line, layer="above", **axes)

    def color(self, values: Iterable[float]) -> None:
        """Have the colour scale, one for all panels and logarithmic, cover these values."""
        self._colored += values

    def finish(self) -> Drawing:
        """Set the axes, write legend and footnotes, and return the figure."""
        layout = {"template": template(), "width": self.width, "meta": {"notes": self.notes}}
        self.figure.update_layout(**layout)
        if self.figure.data or self._edges:
            self._lay_out()
        else:
            say_why_empty(self.figure, self.notes, self.width)
        return self.figure

    def _part_axes(self) -> None:
        """Have panels share a y axis only with those whose values are of the same order.

        The largest values of panels with one axis are within a factor of `ALIKE`: what is smaller
        would lie flat at the bottom.
        """
        for axis in dict.fromkeys(panel.y for panel in self.panels if not panel.y.names):
            here = [each for each in self.panels if each.y is axis and each in self._own]
            top, shared = axis.high, axis
            for panel in sorted(here, key=lambda each: -self._own[each].high):
                own = self._own[panel]
                if 0 < own.high < top / ALIKE:
                    top, shared = own.high, own
                panel.y = shared
                shared.cover([own.low, own.high])
            if shared is not axis:  # what the first no longer holds
                mine = [self._own[each] for each in here if each.y is axis]
                axis.low = min(each.low for each in mine)

    def _lay_out(self) -> None:
        keys = sorted(
            self._keys.values(), key=lambda key: (key.mode == "markers", key.meta == "key")
        )
        lines = wrapped_notes(self.notes, self.width)
        bar = BAR if self._colored else 0
        self._part_axes()
        room = sides(self.groups, self.width)[1]
        top = TOP + LEGEND_LINE * lines_of([key.name for key in keys], room)
        below = bar + LINE * len(lines)
        layout = Layout(self.groups, self.width, self.height, top + below)
        foot = layout.foot(layout.rows - 1)
        for at, panel in enumerate(self.panels, 1):
            self._place(at, panel, layout)
        self._clip_bands()
        for panel, trace in self._edges:
            end = panel.y.ends[MARKS[trace.meta].edge > 0]
            self.figure.add_trace(self._in(panel, trace.update(y=[end] * len(trace.x))))
        self.figure.add_traces(keys)
        if self._colored:
            color_axis(self.figure, self._colored, self.color_title, layout.across)
        write_notes(self.figure, lines, left=layout.left, down=foot + bar - 2)
        margin = {"l": layout.left, "r": RIGHT, "t": top + layout.heads[0], "b": foot + below}
        height = margin["t"] + layout.down + margin["b"]
        self.figure.update_layout(
            height=height, margin=margin, legend=LEGEND, showlegend=bool(keys)
        )
        if self._colored:
            place_bar(self.figure, below)

    def _place(self, at: int, panel: Panel, layout: Layout) -> None:
        """Put a panel where it belongs, with its axes and title."""
        across, up = layout.domains(panel)
        shown = {"titled": layout.has_x_title(panel), "labelled": layout.has_x_ticks(panel)}
        x = panel.x.drawn(layout.wide, upright=False, **shown)
        shown = {"titled": layout.has_y_title(panel), "labelled": layout.has_y_ticks(panel)}
        y = panel.y.drawn(layout.tall, upright=True, **shown)
        anchors = dict.fromkeys(["anchor", *["scaleanchor"] * panel.equal], f"x{at}")
        self.figure.layout[f"xaxis{at}"] = {**x, "domain": across, "anchor": f"y{at}"}
        self.figure.layout[f"yaxis{at}"] = {**y, "domain": up, **anchors}
        self.figure.add_annotation(
            text=layout.titles[panel],
            name="title",
            **{"x": sum(across) / 2, "xref": "paper", "xanchor": "center"},
            **{"y": up[1], "yref": "paper", "yanchor": "bottom"},
            showarrow=False,
        )

    def _clip_bands(self) -> None:
        """Have bands end where their panels do: an end may be infinite, or 0 on a logarithm."""
        ends = {f"y{at}": panel.y.ends for at, panel in enumerate(self.panels, 1)}
        ends["y"] = ends["y1"]  # as plotly calls its first
        for band in self.figure.select_traces({"meta": "band"}):
            low, high = ends[band.yaxis]
            band.y = [min(max(value, low), high) for value in band.y]
