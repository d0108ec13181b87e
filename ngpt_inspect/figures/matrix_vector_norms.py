"""The norms of the rows and columns of one matrix."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.choices import LAYER, ROLE
from ngpt_inspect.figures.vector_norms import draw_norms
from ngpt_inspect.vocabulary import Role


def draw(table: Frame, *, width: int = TWO_COLUMNS, layer: int = 0, role: str = "W_q") -> Drawing:
    """Draw the rank curves of the row norms and of the column norms, one curve a checkpoint."""
    return draw_norms(table, [[Role(role)]], width, layer=layer)


FIGURE = Figure(
    name="matrix_vector_norms",
    title="Norms of the vectors of one matrix",
    summary="Sorted norms of the rows and columns of one matrix against normalized rank, one "
    "curve a checkpoint. A star marks the vectors nGPT keeps at norm 1.",
    needs=("vector_norms",),
    draw=draw,
    options=(LAYER, ROLE),
    formula="‖row‖₂ and ‖column‖₂ of the (out, in) matrix, not split into heads.",
    source="arXiv 2410.01131, Figures 11 and 12 (left), for one matrix",
)
