"""One norm of every matrix, by layer."""

from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.by_layer import draw_matrices

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
    """Draw one panel a matrix, a line a checkpoint."""
    return draw_matrices(table, width=width, quantity=norm, title=NORMS[norm], log=True, of=of)


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
