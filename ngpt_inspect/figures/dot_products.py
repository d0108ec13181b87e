"""Figure 4, right: dot products between all pairs of embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import RANK_AXIS, draw_bins, draw_rank_curve
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.vocabulary import Kind, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ROLES = roles_of(Kind.EMBEDDING)
QUANTITIES = (
    "dot_quantile",
    "dot_bin_left",
    "dot_bin_count",
    "cosine_bin_left",
    "cosine_bin_count",
)


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw two rows, input and output: the rank curve, then histograms of dots and of cosines.

    Left, x: normalized rank, 0 the smallest; y: dot product of two distinct rows as stored.
    Middle and right, x: dot product and cosine; y: share of all pairs per unit of x (areas are
    1). Vectors spread evenly over a sphere pile up at 0; a hump to the right of it is a cluster
    of tokens. In nGPT the rows are unit, so the two histograms agree.
    """
    rows = Rows(table, QUANTITIES)
    roles = rows.present(ROLES)
    names = ("dot product", "density of dots", "density of cosines")
    titles = [[f"{role.facts.symbol}  {name}" for name in names] for role in roles]
    panels = Panels(rows, titles, ROLES, width=width)
    for row, role in enumerate(roles, 1):
        draw_rank_curve(panels, (row, 1), role, "dot", "dot product")
        draw_bins(panels, (row, 2), role, "dot", "density of dots")
        draw_bins(panels, (row, 3), role, "cosine", "density of cosines")
    for column, title in enumerate((RANK_AXIS, "dot product", "cosine"), 1):
        cells = [cell for cell in panels.cells if cell[1] == column]
        for together in [cells] if column == 1 else [[cell] for cell in cells]:
            panels.share_y(together)
        panels.label(cells, x=title)
    return panels.finish()


FIGURE = Figure(
    name="dot_products",
    title="Pairwise dot products",
    summary="Dot products between all pairs of embeddings: rank curve of the raw values, "
    "densities of raw values and of cosines. Evenly spread tokens pile up at 0.",
    needs=("dot_products",),
    draw=draw,
    formula="eᵢ · eⱼ and eᵢ · eⱼ / (‖eᵢ‖ ‖eⱼ‖) over all V(V − 1)/2 distinct pairs of rows.",
    source="arXiv 2410.01131, Figure 4 (right); the densities are not in the paper",
)
