"""One norm of every matrix, by layer."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.board import layer_axis, matrix_board, value_axis
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import Series

NORMS = {
    "rms_to_rms_norm": "RMS-to-RMS norm",
    "spectral_norm": "spectral norm",
    "frobenius_norm": "Frobenius norm",
    "entry_rms": "RMS of the entries",
}
OF = Choice(
    name="of",
    values=("whole", "median", "heads"),
    help="The whole matrix, the median over heads with their quartiles, or a thin line a head.",
)


def draw(
    table: Frame, *, width: int = TWO_COLUMNS, norm: str = "rms_to_rms_norm", of: str = "whole"
) -> Drawing:
    """Draw one panel a matrix, a line a checkpoint.

    x: normalized layer index. y: the norm, logarithmic, one range for all panels.
    """
    median = of == "median"
    drawn = Series(norm, "median" if median else None)
    band = between(norm, "low", "high") if median else None
    rows = CutTable(table, [drawn, *(band or ())])
    board, panels = matrix_board(rows, layer_axis(), value_axis(NORMS[norm], log=True), width)
    for role, panel in panels.items():
        split = "" if median else of
        draw_by_layer(board, panel, role, drawn, name=NORMS[norm], band=band, of=split)
    return board.finish()


FIGURE = Figure(
    name="matrix_norms",
    title="Norms of matrices",
    summary="One norm of every matrix by normalized layer index: RMS-to-RMS, spectral, Frobenius, "
    "or the RMS of its entries.",
    needs=("matrix_norms",),
    draw=draw,
    options=(Choice(name="norm", values=tuple(NORMS), help="Which norm."), OF),
    formula="σ_max √(d_in / d_out), σ_max, √(Σ w²), √(Σ w² / (d_in d_out)).",
    source="Yang, Simon and Bernstein, arXiv 2310.17813, definition 1",
)
