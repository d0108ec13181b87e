"""The cosines of a token with its nearest tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import draw_in_order
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.vocabulary import Kind, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ROLES = roles_of(Kind.EMBEDDING)


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw the cosines of each token asked for with its neighbours, nearest first.

    x: 1 is the nearest. y: cosine. One curve a token.
    """
    rows = Rows(table, ["neighbour_cosine"])
    roles = rows.present(ROLES)
    panels = Panels(rows, [[role.facts.symbol for role in roles]], ROLES, width=width, height=170)
    for column, role in enumerate(roles, 1):
        draw_in_order(panels, (1, column), role, "neighbour_cosine", "cosine")
    panels.share_y(panels.cells)
    panels.label(panels.cells, x="neighbour, nearest first", y="cosine")
    return panels.finish()


FIGURE = Figure(
    name="neighbours",
    title="Neighbours of a token",
    summary="Cosines of a token with the tokens nearest to it, nearest first. A shelf: a whole "
    "group lies equally close.",
    needs=("neighbours",),
    draw=draw,
    formula="eᵢ · eⱼ / (‖eᵢ‖ ‖eⱼ‖) of token i with its j-th neighbour.",
    source="cosines of the rows of arXiv 2410.01131, Figure 4 (not a figure of the paper)",
)
