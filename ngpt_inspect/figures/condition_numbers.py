"""Figure 5: condition numbers of the attention and MLP matrices by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._layers import LAYER_AXIS, draw_by_layer
from ngpt_inspect.figures._matrices import matrix_panels
from ngpt_inspect.figures._rows import Rows

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MEDIAN = "condition_number_median"
BAND = (("condition_number_low", None), ("condition_number_high", None))


def draw(table: pd.DataFrame) -> go.Figure:
    """Draw one panel a matrix: W_q W_k W_v W_o above, W_u W_nu W_oMLP below.

    x: normalized layer index. y: condition number σ_max / σ_min, logarithmic, one range for
    all panels; the line is the median over heads, the band its quartiles (the whole matrix in
    the MLP). 1 means that every direction passes alike; large values mean near-lost rank. The
    paper calls the MLP matrices MLP11, MLP12, MLP2 and leaves W_o out.
    """
    rows = Rows(table, [MEDIAN, *(quantity for quantity, _ in BAND)])
    panels, cells = matrix_panels(rows, log=True)
    for role, cell in cells.items():
        draw_by_layer(panels, cell, role, MEDIAN, name="κ", band=BAND)
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
    formula="κ = σ_max / σ_min, the largest over the smallest singular value, in float64 of the "
    "exact stored values; of each head's block in attention, of the whole matrix in the "
    "MLP.",
    source="arXiv 2410.01131, Figure 5 (W_o is not in the paper)",
)
