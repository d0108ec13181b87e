"""Figure 13: perplexity beyond the trained context length."""

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

LINE = ("family", "size", "variant", "context_length", "steps")
TRAINED = {"color": NEUTRAL, "width": 1, "dash": "dot"}
EXPLODES = 8
"""Perplexities further apart than this factor are drawn on a logarithmic axis."""


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw one panel a kind of text: perplexity by evaluated length, a line a trained model.

    A dotted line stands at each trained context length. Perplexities of two texts do not
    compare: each panel has its own y axis, logarithmic where perplexity explodes.
    """
    import plotly.graph_objects as go

    texts = sorted(table["text"].unique())
    lengths = sorted(table["evaluated_length"].unique())
    panels = [
        Panel(
            title=f"{text} text",
            x="evaluated length, tokens",
            y="perplexity",
            log_x=True,
            log_y=_explodes(table[table["text"] == text]),
            write_x=length,
            ticks_at=lengths[::2] + lengths[1::2],
        )
        for text in texts
    ]
    grid = Grid([panels], width, share_y=False, height=165)
    for line, rows in lines(table, LINE):
        for at, text in enumerate(texts):
            here = rows[rows["text"] == text]
            if len(here):
                between = ("perplexity_low", "perplexity_high")
                hover = "%{x:,} tokens<br>perplexity %{y:.4g}"
                draw_line(
                    grid,
                    at,
                    line,
                    here,
                    "evaluated_length",
                    "perplexity",
                    between=between,
                    hover=hover,
                )
    for at in range(len(panels)):
        for trained in sorted(table["context_length"].unique()):
            grid.upright(at, float(trained), TRAINED)
            grid.key("trained length", go.Scatter(mode="lines", line=TRAINED))
    empty = "" if len(table) else "No evaluations: give longer_context.csv."
    return grid.finish(remarks(table, empty))


def _explodes(rows: pd.DataFrame) -> bool:
    told = rows["perplexity"].dropna()
    return len(told) > 0 and bool(told.max() > EXPLODES * told.min())


FIGURE = Figure(
    name="longer_context",
    title="Perplexity beyond the trained context",
    summary="Perplexity against the evaluated length, one line a model and trained context "
    "(dotted), on held-out and on out-of-domain text.",
    results="perplexities",
    draw=draw,
    formula="perplexity = exp(mean loss in nats per token); over seeds the geometric mean, the "
    "bar from the lowest to the highest.",
    source="arXiv 2410.01131, Figure 13",
)
