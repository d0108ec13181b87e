"""Figures 11 and 12, right: singular values of the attention and MLP matrices."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.board import matrix_board, rank_axis, value_axis
from ngpt_inspect.figures.drawing.curves import draw_rank_curve
from ngpt_inspect.vocabulary import Series


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw one panel a matrix with one rank curve a layer, the earlier the paler."""
    rows = CutTable(table, [Series("singular_value", "quantile")])
    y = value_axis("singular value", log=True)
    board, panels = matrix_board(rows, rank_axis(), y, width)
    for role, panel in panels.items():
        draw_rank_curve(board, panel, role, "singular_value", "singular value")
    return board.finish()


FIGURE = Figure(
    name="singular_values",
    title="Singular values",
    summary="Sorted singular values against normalized rank, all heads of a layer together: one "
    "curve a layer, the earlier the paler. A steep left end is near-lost rank.",
    needs=("singular_values",),
    draw=draw,
    formula="σ of each head's block (the whole matrix in the MLP), in float64 of the exact stored"
    " values.",
    source="arXiv 2410.01131, Figures 11 and 12 (right)",
)
