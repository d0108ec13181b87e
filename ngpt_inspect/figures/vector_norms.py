"""Figures 11 and 12, left: norms of the rows and columns of each matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import RANK_AXIS, draw_rank_curve
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._matrices import ATTENTION, MLP
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.vocabulary import Axis, Role

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

HEIGHT = 70
"""Pixels of a panel: in one column there are eight rows of them, less than a page."""
QUANTITIES = {Axis.ROWS: "row_norm", Axis.COLUMNS: "column_norm"}


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw rank curves of row norms and, below, of column norms, one curve a layer.

    x: normalized rank, 0 the smallest. y: L2 norm of a row (column) of the complete matrix in
    (out, in) layout, not split into heads. A star in the title marks the vectors of length
    d_model, which nGPT keeps at 1: rows of the matrices that read the hidden state, columns of
    those that write it.
    """
    rows = Rows(table, [f"{quantity}_quantile" for quantity in QUANTITIES.values()])
    lines = [
        (axis, group)
        for group in (rows.present(ATTENTION), rows.present(MLP))
        for axis in QUANTITIES
        if group
    ]
    titles = [[title_of(role, axis) for role in group] for axis, group in lines]
    panels = Panels(rows, titles, ATTENTION + MLP, width=width, height=HEIGHT)
    for row, (axis, group) in enumerate(lines, 1):
        for column, role in enumerate(group, 1):
            draw_rank_curve(panels, (row, column), role, QUANTITIES[axis], f"norm of {axis}")
    panels.share_y(panels.cells)
    panels.label(panels.cells, x=RANK_AXIS, y="norm")
    panels.share_x(panels.cells)
    return panels.finish()


def title_of(role: Role, axis: Axis) -> str:
    """Return ``W_q rows*``, with a star where nGPT keeps these vectors at 1."""
    return f"{role.facts.symbol}  {axis}{'*' if role.facts.unit_axis is axis else ''}"


FIGURE = Figure(
    name="vector_norms",
    title="Norms of rows and columns",
    summary="Sorted norms of the rows and columns of each matrix against normalized rank, one "
    "curve a layer, the earlier the paler. A star marks the vectors nGPT keeps at norm 1.",
    needs=("vector_norms",),
    draw=draw,
    formula="‖row‖₂ and ‖column‖₂ of the (out, in) matrix.",
    source="arXiv 2410.01131, Figures 11 and 12 (left)",
)
