"""Section A.4: how much longer a training step of nGPT takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._axis_labels import length
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._line_panels import Grid
from ngpt_inspect.figures._lines import draw_line, lines, remarks
from ngpt_inspect.figures._panel_axes import Panel
from ngpt_inspect.figures._theme import NEUTRAL, TWO_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

LINE = ("family", "size", "precision", "compiled")


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw time of nGPT over time of GPT by context length: median over rounds, quartiles.

    1 means that a step takes as long.
    """
    import plotly.graph_objects as go

    contexts = sorted(table["context_length"].unique())
    panel = Panel(
        x="context length",
        y="time of a step, nGPT / GPT",
        log_x=True,
        write_x=length,
        ticks_at=contexts,
    )
    grid = Grid([[panel]] if contexts else [], width, share_y=False)
    for line, rows in lines(table.assign(family="nGPT"), LINE):
        between = ("ratio_low", "ratio_high")
        draw_line(grid, 0, line, rows, "context_length", "ratio", between=between)
    if contexts:
        ends = [float(contexts[0]), float(contexts[-1])]
        look = {"color": NEUTRAL, "width": 1, "dash": "dot"}
        one = go.Scatter(x=ends, y=[1.0, 1.0], mode="lines", line=look, hoverinfo="skip")
        grid.add(0, one, ends, [1.0])
        grid.key("as long as GPT", go.Scatter(mode="lines", line=look))
    empty = "" if contexts else "No timings of both families: give step_time.csv."
    return grid.finish(remarks(table, empty))


FIGURE = Figure(
    name="step_time",
    title="Time of a training step",
    summary="Seconds of a step of nGPT over those of GPT by context length, timed in turn: median "
    "over rounds, bar over the middle half of them.",
    results="step_time_ratios",
    draw=draw,
    formula="ratio of the two times of each round; forward, backward, update and normalisation.",
    source="arXiv 2410.01131, section A.4",
)
