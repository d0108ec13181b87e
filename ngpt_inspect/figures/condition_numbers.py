"""Figure 5: condition numbers of the attention and MLP matrices by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._figure import Figure, Option
from ngpt_inspect.figures._grid import Cell
from ngpt_inspect.figures._layers import LAYER_AXIS, between, draw_by_layer
from ngpt_inspect.figures._matrices import matrix_panels
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.vocabulary import Role

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

KAPPA = "condition_number"
SPREADS = {"quartiles": ("low", "high"), "range": ("min", "max")}
SPREAD = Option(
    name="spread",
    values=tuple(SPREADS),
    help="The band around the median over heads: its quartiles, or from the least to the largest.",
)


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS, spread: str = "quartiles") -> go.Figure:
    """Draw one panel a matrix: W_q W_k W_v W_o, and W_u W_nu W_oMLP.

    x: normalized layer index. y: condition number σ_max / σ_min, logarithmic, one range for
    all panels; the line is the median over heads, the band their quartiles or their range (the
    whole matrix in the MLP). 1 means that every direction passes alike; large values mean
    near-lost rank. The paper draws no band, leaves W_o out, and calls the MLP matrices MLP11,
    MLP12 and MLP2 without saying which of the first two is the gate. Here they have the names
    of its equations: W_u where we take it to mean MLP11, W_nu (under SiLU) MLP12, W_oMLP MLP2.
    """
    rows = Rows(table, quantities(spread))
    panels, _ = draw_kappa(rows, width, spread)
    return finished(panels)


def quantities(spread: str) -> list[str]:
    """Return the quantities that `draw_kappa` draws."""
    return [f"{KAPPA}_{suffix}" for suffix in ("median", *SPREADS[spread])]


def draw_kappa(rows: Rows, width: int, spread: str) -> tuple[Panels, dict[Role, Cell]]:
    """Draw the condition number of every matrix; return the panels and where each one is."""
    panels, cells = matrix_panels(rows, width=width, log=True)
    band = between(KAPPA, *SPREADS[spread])
    for role, cell in cells.items():
        draw_by_layer(panels, cell, role, f"{KAPPA}_median", name="κ", band=band)
    return panels, cells


def finished(panels: Panels) -> go.Figure:
    """Give all panels one range from 1 on, and return the figure."""
    panels.share_y(panels.cells, include=[1])
    panels.label(panels.cells, x=LAYER_AXIS, y="condition number κ")
    return panels.finish()


FIGURE = Figure(
    name="condition_numbers",
    title="Condition numbers by layer",
    summary="κ = σ_max / σ_min of every matrix by normalized layer index: median over heads with "
    "the quartile band, whole matrices in the MLP. Lower is better conditioned; ∞ is lost rank.",
    needs=("condition_numbers",),
    draw=draw,
    options=(SPREAD,),
    formula="κ = σ_max / σ_min, the largest over the smallest singular value, in float64 of the "
    "exact stored values; of each head's block in attention, of the whole matrix in the "
    "MLP.",
    source="arXiv 2410.01131, Figure 5 (W_o is not in the paper)",
)
