"""The speed-up of Figure 2, drawn: against budget and against context length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._axis_labels import length, short
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._line_panels import Grid
from ngpt_inspect.figures._lines import Line, draw_line, lines, mark, remarks
from ngpt_inspect.figures._panel_axes import Panel
from ngpt_inspect.figures._theme import NEUTRAL, TWO_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

BOUNDS = {"lower": ("triangle-up-open", "at least"), "upper": ("triangle-down-open", "at most")}
SIDES = (("steps", "context_length"), ("context_length", "steps"))
"""What each panel has on its x axis, and what tells its lines apart."""


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw the factor by budget, a line a context, and by context, a line a budget.

    Points are geometric means over seeds, bars their range; 1 means no faster. A triangle says
    that a point is only a bound.
    """
    told = table[table["speed_up"].notna()]
    budgets, contexts = (sorted(told[name].unique()) for name in ("steps", "context_length"))
    y = "speed-up in steps"
    panels = [
        Panel(
            title="by budget",
            x="budget of nGPT, steps",
            y=y,
            log_x=True,
            write_x=short,
            ticks_at=budgets,
        ),
        Panel(
            title="by context length",
            x="context length",
            y=y,
            log_x=True,
            write_x=length,
            ticks_at=contexts,
        ),
    ]
    grid = Grid([panels] if len(told) else [], width, share_y=False)
    drawn = 0
    for at, (x, other) in enumerate(SIDES):
        by = ("family", "size", "variant", "batch_size", other)
        for line, rows in list(lines(told, by, [x], skip=drawn)):
            _draw(grid, at, line, rows, x)
            drawn += 1
    if len(told):
        for panel in (0, 1):
            _draw_one(grid, panel)
    empty = "No finished runs of both families in the same size and context."
    return grid.finish(remarks(table, "" if len(told) else empty))


def _draw(grid: Grid, at: int, line: Line, rows: pd.DataFrame, x: str) -> None:
    import plotly.graph_objects as go

    between = ("speed_up_low", "speed_up_high")
    draw_line(grid, at, line, rows, x, "speed_up", between=between, hover="%{y:.3g} times")
    for bound, (symbol, words) in BOUNDS.items():
        there = rows[rows["bound"] == bound]
        if len(there):
            xs, ys = list(map(float, there[x])), list(map(float, there["speed_up"]))
            look = {"mode": "markers", "hoverinfo": "skip", "meta": bound}
            grid.add(
                at, go.Scatter(x=xs, y=ys, marker=mark(symbol, line.color, 11), **look), xs, ys
            )
            grid.key(words, go.Scatter(mode="markers", marker=mark(symbol, NEUTRAL, 9)))


def _draw_one(grid: Grid, at: int) -> None:
    """Draw the line at 1: as fast as GPT."""
    import plotly.graph_objects as go

    xs = grid.panels[at].xs
    ends = [min(xs), max(xs)]
    line = {"color": NEUTRAL, "width": 1, "dash": "dot"}
    trace = go.Scatter(x=ends, y=[1.0, 1.0], mode="lines", line=line, hoverinfo="skip", meta="one")
    grid.add(at, trace, ends, [1.0])


FIGURE = Figure(
    name="speed_up",
    title="Speed-up of nGPT",
    summary="Steps GPT needs over steps nGPT needs to nGPT's final loss, by budget and by context "
    "length: geometric mean over seeds, bar from the lowest to the highest.",
    results="final_losses",
    draw=draw,
    formula="log(steps) of GPT interpolated linearly in the loss between its separately scheduled "
    "budgets; beyond them a bound, never an extrapolation.",
    source="arXiv 2410.01131, Figure 2 (the factors it states)",
)
