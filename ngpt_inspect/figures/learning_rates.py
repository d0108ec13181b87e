"""Figure 7: final loss against the peak learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._axis_labels import length, rate
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._line_panels import Grid
from ngpt_inspect.figures._lines import Line, draw_line, lines, mark, remarks
from ngpt_inspect.figures._panel_axes import Panel
from ngpt_inspect.figures._theme import NEUTRAL, TWO_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

PLACE = ["size", "context_length"]
LINE = ("family", "variant", "batch_size", "steps")
DIVERGED, BEST = "diverged", "best of its budget"


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw one panel a context length (columns) and size (rows), one line a family and budget.

    Points are means over seeds with their range. A ring marks the lowest of a line, a cross at
    the top edge a learning rate at which a run diverged.
    """
    rates = table.groupby([*PLACE, *LINE], dropna=False)["learning_rate"].transform("nunique")
    swept = table[rates > 1]
    sizes, contexts = (sorted(swept[name].unique()) for name in PLACE)
    places = [(size, context) for size in sizes for context in contexts]
    grid = Grid(
        [[_panel(swept, size, context, len(sizes)) for context in contexts] for size in sizes],
        width,
        share_y=True,
    )
    for line, rows in lines(swept, LINE, PLACE):
        for at, (size, context) in enumerate(places):
            here = rows[(rows["size"] == size) & (rows["context_length"] == context)]
            if len(here):
                _draw(grid, at, line, here)
    empty = "" if len(swept) else "No budget was run with several learning rates."
    alone = "" if len(swept) in (0, len(table)) else "Not drawn: budgets run with one rate only."
    return grid.finish(remarks(table, empty, alone))


def _panel(table: pd.DataFrame, size: str, context: int, sizes: int) -> Panel:
    here = table[(table["size"] == size) & (table["context_length"] == context)]
    return Panel(
        title=f"{size}, context {length(context)}" if sizes > 1 else f"context {length(context)}",
        x="peak learning rate",
        y="final validation loss",
        log_x=True,
        write_x=rate,
        ticks_at=_outside_in(sorted(here["learning_rate"].unique())),
    )


def _outside_in(values: list[float]) -> list[float]:
    """Return every second value first: where not all labels fit, those stay evenly apart."""
    return values[::2] + values[1::2]


def _draw(grid: Grid, at: int, line: Line, rows: pd.DataFrame) -> None:
    import plotly.graph_objects as go

    hover = "rate %{x:.3g}<br>loss %{y:.4f}"
    finite = rows[rows["runs"] > 0]
    x, y = "learning_rate", "validation_loss"
    draw_line(grid, at, line, finite, x, y, between=("low", "high"), hover=hover)
    best = finite[finite["best"]]
    xs, ys = list(map(float, best[x])), list(map(float, best[y]))
    ring = {"mode": "markers", "hoverinfo": "skip", "meta": "best"}
    grid.add(at, go.Scatter(x=xs, y=ys, marker=mark("circle-open", line.color, 12), **ring), xs, ys)
    grid.key(BEST, go.Scatter(mode="markers", marker=mark("circle-open", NEUTRAL, 11)))
    lost = rows[rows["diverged"] > 0]
    if len(lost):
        cross = {"mode": "markers", "marker": mark("x-thin", line.color, 7), "name": line.label}
        texts = [f"{line.label}<br>{n} diverged" for n in lost["diverged"]]
        grid.at_top(
            at,
            go.Scatter(
                x=list(map(float, lost[x])),
                hovertext=texts,
                hoverinfo="text",
                meta="diverged",
                **cross,
            ),
        )
        grid.key(DIVERGED, go.Scatter(mode="markers", marker=mark("x-thin", NEUTRAL, 7)))


FIGURE = Figure(
    name="learning_rates",
    title="Final loss by learning rate",
    summary="Final validation loss against the peak learning rate, one line a family and budget "
    "(mean over seeds, bar from the lowest to the highest); the ring marks the best.",
    results="learning_rates",
    draw=draw,
    formula="final validation loss in nats per token, arithmetic mean over seeds.",
    source="arXiv 2410.01131, Figure 7",
)
