"""Figure 6, left: the eigen learning rates of nGPT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import draw_density
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._layers import LAYER_AXIS, draw_by_layer, quartiles_of
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.vocabulary import Kind, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ROLES = roles_of(Kind.EIGEN_LEARNING_RATE)
QUANTITY = "eigen_learning_rate"


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw the mean of α_A and α_M by layer, and below how their coordinates are spread.

    Above, x: normalized layer index; y: mean of |α| over the coordinates, with the quartile
    band. Below, x: |α|; y: density over the coordinates, one curve a layer, the earlier the
    paler. α is how far a block moves the hidden state along each coordinate: 0.25 is a quarter
    of the way to what the block suggests.
    """
    names = [f"{QUANTITY}_{suffix}" for suffix in ("mean", "quantile", "density", "density_at")]
    rows = Rows(table, names)
    roles = rows.present(ROLES)
    titles = [[role.facts.symbol for role in roles], ["" for _ in roles]]
    panels = Panels(rows, titles, ROLES, width=width)
    band = quartiles_of(QUANTITY)
    for column, role in enumerate(roles, 1):
        draw_by_layer(panels, (1, column), role, f"{QUANTITY}_mean", name="mean α", band=band)
        draw_density(panels, (2, column), role, QUANTITY, "density of α")
    for row, (x, y) in enumerate(((LAYER_AXIS, "mean |α|"), ("|α|", "density")), 1):
        cells = [cell for cell in panels.cells if cell[0] == row]
        panels.share_y(cells)
        panels.label(cells, x=x, y=y)
    return panels.finish()


FIGURE = Figure(
    name="eigen_learning_rates",
    title="Eigen learning rates",
    summary="α_A and α_M of nGPT: mean over coordinates by normalized layer index with the "
    "quartile band, and the density over coordinates of each layer. 0.25: a quarter of the way.",
    needs=("eigen_learning_rates",),
    draw=draw,
    formula="|α| = |stored · α_init / α_scale| for each coordinate: h ← Norm(h + α (Norm(block(h)) "
    "− h)).",
    source="arXiv 2410.01131, Figure 6 (left)",
)
