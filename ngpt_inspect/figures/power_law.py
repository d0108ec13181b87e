"""The exponent of the tail of each matrix's spectrum, by layer."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame, across
from ngpt_inspect.figures.drawing.board import layer_axis, matrix_board, value_axis
from ngpt_inspect.figures.drawing.layers import draw_by_layer
from ngpt_inspect.vocabulary import Kind, Series, roles_of

ALPHA = Series("power_law_alpha")
LOW, HIGH = 2, 6


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw one panel a matrix.

    x: normalized layer index. y: α of the power law λ^−α fitted to the largest eigenvalues of WᵀW.
    Dotted: 2 and 6, between which trained matrices usually are; random ones are above.
    """
    rows = CutTable(table, [ALPHA])
    board, panels = matrix_board(rows, layer_axis(), value_axis("α"), width)
    for role, panel in panels.items():
        for level in (LOW, HIGH):
            board.add(panel, across([0, 1], level).update(name=f"α = {level}"))
        draw_by_layer(board, panel, role, ALPHA, name="α")
    return board.finish()


FIGURE = Figure(
    name="power_law",
    title="Power law of the spectrum",
    summary="Exponent α of the tail of the eigenvalues of every matrix, by normalized layer index. "
    "Dotted: 2 and 6, between which trained matrices usually are.",
    needs=("power_law",),
    draw=draw,
    formula="α = 1 + n / Σ ln(λ / λ_min) over the n eigenvalues λ = σ² from λ_min on, which is "
    "where the tail is nearest to the law.",
    source="Clauset, Shalizi and Newman, arXiv 0706.1062, equation 3.1 (not a figure of the paper)",
    roles=tuple(map(str, roles_of(Kind.MATRIX))),
)
