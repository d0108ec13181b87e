"""Figure 4: norms, covariance eigenvalues and pairwise dot products of the embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import RANK_AXIS, draw_rank_curve, draw_spectrum
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.vocabulary import Kind, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ROLES = roles_of(Kind.EMBEDDING)
QUANTITIES = ("embedding_norm_quantile", "covariance_eigenvalue_over_median", "dot_quantile")


def draw(table: pd.DataFrame) -> go.Figure:
    """Draw two rows, input and output, of three rank curves each.

    x: normalized rank, 0 the smallest. y, from the left: norm of a token's row; eigenvalue of
    the covariance of the rows over the median eigenvalue (logarithmic); dot product of two
    distinct rows as stored. Flat norms at 1 and flat eigenvalues mean that the embeddings fill
    the hypersphere evenly; dot products above 0 mean that they gather.
    """
    rows = Rows(table, QUANTITIES)
    roles = rows.present(ROLES)
    names = ("norm", "eigenvalue / median", "dot product")
    titles = [[f"{role.facts.symbol}  {name}" for name in names] for role in roles]
    log = [(row, 2) for row in range(1, len(roles) + 1)]
    panels = Panels(rows, titles, ROLES, log=log, spacing=0.07)
    for row, role in enumerate(roles, 1):
        draw_rank_curve(panels, (row, 1), role, "embedding_norm", "norm")
        draw_spectrum(panels, (row, 2), role, QUANTITIES[1], "eigenvalue / median")
        draw_rank_curve(panels, (row, 3), role, "dot", "dot product")
    for column in (1, 2, 3):
        panels.share_y([cell for cell in panels.cells if cell[1] == column])
    panels.label(panels.cells, x=RANK_AXIS)
    return panels.finish()


FIGURE = Figure(
    name="embeddings",
    title="Embeddings",
    summary="Sorted norms, covariance eigenvalues over their median, and pairwise dot products "
    "of the input and output embeddings, against normalized rank. nGPT: every norm is 1.",
    needs=("embedding_norms", "embedding_spectrum", "dot_products"),
    draw=draw,
    formula="norm ‖eᵢ‖₂ of each token's row; eigenvalues of the covariance of the rows (mean "
    "subtracted) over their median; dot products eᵢ · eⱼ of all distinct pairs of rows as"
    " stored.",
    source="arXiv 2410.01131, Figure 4",
)
