"""Condition numbers by decay exposure: what stands behind the contrast of Figure 5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._figure import Figure, Option
from ngpt_inspect.figures._line_panels import Grid
from ngpt_inspect.figures._lines import Line, draw_line, lines, remarks
from ngpt_inspect.figures._panel_axes import Panel
from ngpt_inspect.figures._theme import NEUTRAL, TWO_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ROWS = (("W_q", "W_k", "QK"), ("W_v", "W_o", "OV"))
LINE = ("family", "recipe", "learning_rate")
PAPER = (5.0, 15.0)
"""E of the paper's GPT: decay 0.1, rates of 1e-3 to 3e-3, a cosine of 100,000 steps (Table 3)."""
PAPERS = {"color": NEUTRAL, "width": 1, "dash": "dash"}
RANDOM = {"color": NEUTRAL, "width": 1, "dash": "dot"}


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS, layer: int = 0) -> go.Figure:
    """Draw one panel a weight of one layer: condition number by exposure, a line a recipe.

    nGPT has no decay, hence no exposure: its lines run level across the panel. Dashed uprights
    bound the exposure of the paper's runs, a dotted level is a random matrix.
    """
    import plotly.graph_objects as go

    here = table[table["layer"] == layer]
    panels = [
        [Panel(title=name, x="decay exposure E", y="condition number", log_y=True) for name in row]
        for row in ROWS
    ]
    grid = Grid(panels if len(here) else [], width, share_y=True)
    names = [name for row in ROWS for name in row]
    ends = [0.0, max([PAPER[1], *map(float, here["exposure"])])]
    for line, rows in lines(here, LINE):
        for at, name in enumerate(names):
            of_weight = rows[rows["weight"] == name]
            if len(of_weight):
                _draw(grid, at, line, of_weight, ends)
    for at, name in enumerate(names if len(here) else []):
        for bound in PAPER:
            grid.upright(at, bound, PAPERS)
        grid.key("exposure of the paper's runs", go.Scatter(mode="lines", line=PAPERS))
        level = here.loc[here["weight"] == name, "at_random"].dropna().unique()
        for value in map(float, level):
            dotted = go.Scatter(x=ends, y=[value] * 2, mode="lines", line=RANDOM, hoverinfo="skip")
            grid.add(at, dotted, ends, [value])
            grid.key("random matrix", go.Scatter(mode="lines", line=RANDOM))
    empty = "" if len(here) else f"Nothing of layer {layer}: give decay_exposure.csv."
    return grid.finish(remarks(table, empty))


def _draw(grid: Grid, at: int, line: Line, rows: pd.DataFrame, ends: list[float]) -> None:
    """Draw points by exposure; a family without decay as a level from end to end."""
    hover = "E %{x:.3g}<br>κ %{y:.4g}"
    if (rows["family"] == "nGPT").all():
        rows = rows.iloc[[0, 0]].assign(exposure=ends)
    draw_line(
        grid,
        at,
        line,
        rows,
        "exposure",
        "condition_number",
        between=("low", "high"),
        hover=hover,
    )


FIGURE = Figure(
    name="decay_exposure",
    title="Condition numbers by decay exposure",
    summary="Condition number of one layer's attention matrices and of their products after "
    "training, against the decay exposure of the run; geometric mean over seeds, bar from the "
    "lowest to the highest.",
    results="exposed_condition_numbers",
    draw=draw,
    options=(Option(name="layer", values=(), default=0, help="Which layer, from 0."),),
    formula="κ: median over heads; E = sum over steps of learning rate times weight decay; "
    "QK = W_q^T diag(s_qk²) W_k with a GPT's norm gains, OV = W_o W_v, over d_k directions.",
    source="arXiv 2410.01131, Figure 5; arXiv 2410.23819",
)
