"""How close the nearest other token of each token is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import RANK_AXIS, draw_rank_curve
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
    """Draw the rank curve of the nearest cosine of both embeddings.

    x: normalized rank, 0 the smallest. y: cosine of a token's row with the nearest other row. A
    shelf near 1: tokens that training has not told apart.
    """
    rows = Rows(table, ["nearest_cosine_quantile"])
    roles = rows.present(ROLES)
    panels = Panels(rows, [[role.facts.symbol for role in roles]], ROLES, width=width, height=170)
    for column, role in enumerate(roles, 1):
        draw_rank_curve(panels, (1, column), role, "nearest_cosine", "nearest cosine")
    panels.share_y(panels.cells)
    panels.label(panels.cells, x=RANK_AXIS, y="cosine of the nearest")
    return panels.finish()


FIGURE = Figure(
    name="nearest_tokens",
    title="Nearest tokens",
    summary="Sorted cosines of each token with the nearest other token, against normalized rank. "
    "A shelf near 1: tokens that are almost the same.",
    needs=("nearest_tokens",),
    draw=draw,
    formula="max over j ≠ i of eᵢ · eⱼ / (‖eᵢ‖ ‖eⱼ‖), every pair looked at.",
    source="cosines of the rows of arXiv 2410.01131, Figure 4 (not a figure of the paper)",
)
