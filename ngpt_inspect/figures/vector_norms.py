"""Figures 11 and 12, left: norms of the rows and columns of each matrix."""

from collections.abc import Sequence

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import Board, rank_axis, value_axis
from ngpt_inspect.figures.drawing.curves import draw_rank_curve
from ngpt_inspect.figures.drawing.ranked import ONE_ROW
from ngpt_inspect.vocabulary import ATTENTION, MLP, MatrixAxis, Role, Series

HEIGHT = 84
"""Pixels of a panel: there are four rows of them."""
QUANTITIES = {MatrixAxis.ROWS: "row_norm", MatrixAxis.COLUMNS: "column_norm"}


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw rank curves of row norms and, below, of column norms, one curve a layer.

    nGPT keeps the vectors of length d_model at 1: rows of the matrices that read the hidden state,
    columns of those that write it.
    """
    return draw_norms(table, [ATTENTION, MLP], width)


def draw_norms(
    table: Frame, matrices: Sequence[Sequence[Role]], width: int, *, layer: int | None = None
) -> Drawing:
    """Draw the norms of matrices: of each group rows and, below, columns; of one side by side."""
    drawn = [Series(quantity, "quantile") for quantity in QUANTITIES.values()]
    rows = CutTable(table, drawn, layer=layer)
    x, y = rank_axis(), value_axis("norm")
    lines = [
        (axis, {role: Panel(title=title_of(role, axis), x=x, y=y) for role in rows.present(group)})
        for group in matrices
        for axis in QUANTITIES
    ]
    roles = [role for group in matrices for role in group]
    found = [list(panels.values()) for _, panels in lines]
    one = [panel for line in found for panel in line] if len(roles) == 1 else []
    groups, height = ([one], ONE_ROW) if one else (found, HEIGHT)
    board = Board(rows, roles, groups, width, height=height)
    for axis, panels in lines:
        for role, panel in panels.items():
            draw_rank_curve(board, panel, role, QUANTITIES[axis], f"norm of {axis}")
    return board.finish()


def title_of(role: Role, axis: MatrixAxis) -> str:
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
