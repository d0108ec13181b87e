"""Figure 4, left: norms of the embeddings."""

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
    """Draw the rank curve of the row norms of both embeddings.

    x: normalized rank, 0 the smallest. y: L2 norm of a token's row. A flat line: all tokens
    weigh alike (at 1 in nGPT). A foot near 0: tokens hardly ever trained.
    """
    rows = Rows(table, ["embedding_norm_quantile"])
    roles = rows.present(ROLES)
    panels = Panels(rows, [[role.facts.symbol for role in roles]], ROLES, width=width, height=170)
    for column, role in enumerate(roles, 1):
        draw_rank_curve(panels, (1, column), role, "embedding_norm", "norm")
    panels.share_y(panels.cells)
    panels.label(panels.cells, x=RANK_AXIS, y="norm of each token")
    return panels.finish()


FIGURE = Figure(
    name="embedding_norms",
    title="Embedding norms",
    summary="Sorted norms of the embedding of each token, against normalized rank. nGPT: all 1.",
    needs=("embedding_norms",),
    draw=draw,
    formula="‖eᵢ‖₂ of each token's row as stored.",
    source="arXiv 2410.01131, Figure 4 (left)",
)
