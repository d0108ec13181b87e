"""Figure 4, middle: how evenly the embeddings fill their space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import RANK_AXIS, draw_rank_curve
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._scalars import draw_scalars
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.vocabulary import Kind, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ROLES = roles_of(Kind.EMBEDDING)
SPECTRUM = "covariance_eigenvalue_over_median"
SCALARS = {"isotropy": "isotropy", "isoscore": "IsoScore", "anisotropy": "anisotropy"}


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw the spectrum of both embeddings, and three scalars of each below.

    Above, x: normalized rank, 0 the smallest; y: eigenvalue of the covariance of the rows over
    the median eigenvalue, logarithmic. Below, x: the scalar. An even cloud has a flat spectrum,
    isotropy and IsoScore near 1, and anisotropy (the mean cosine of two rows) near 0.
    """
    rows = Rows(table, [f"{SPECTRUM}_quantile", *SCALARS])
    roles = rows.present(ROLES)
    titles = [[role.facts.symbol for role in roles], ["" for _ in roles]]
    above = [(1, column) for column in range(1, len(roles) + 1)]
    panels = Panels(rows, titles, ROLES, width=width, log=above)
    for role, cell in zip(roles, above, strict=True):
        draw_rank_curve(panels, cell, role, SPECTRUM, "eigenvalue / median")
        draw_scalars(panels, (2, cell[1]), role, SCALARS)
    panels.share_y(above)
    panels.label(above, x=RANK_AXIS, y="eigenvalue / median")
    return panels.finish()


FIGURE = Figure(
    name="embedding_spectrum",
    title="Embedding spectrum",
    summary="Eigenvalues of the embeddings' covariance over their median, against normalized "
    "rank; below them isotropy, IsoScore and anisotropy. Flat, 1, 1 and 0: an even cloud.",
    needs=("embedding_spectrum",),
    draw=draw,
    formula="eigenvalues λ of the covariance of the rows (mean subtracted) over their median; "
    "isotropy min Z(c) / max Z(c) with Z(c) = Σᵢ exp(c · eᵢ); IsoScore; anisotropy, the "
    "mean cosine of distinct rows.",
    source="arXiv 2410.01131, Figure 4 (middle)",
)
