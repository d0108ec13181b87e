"""Figures 11 and 12: vector norms and singular values of Q and K in one layer."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame, Panel
from ngpt_inspect.figures.canvas.text import number
from ngpt_inspect.figures.drawing.board import Board, rank_axis, value_axis
from ngpt_inspect.figures.drawing.curves import draw_rank_curve
from ngpt_inspect.vocabulary import Role, Series

ROLES = (Role.W_Q, Role.W_K)
CONDITIONS = {
    "median": Series("condition_number", "median"),
    "pooled": Series("pooled_condition_number"),
}
VECTORS = {"rows": "row_norm", "columns": "column_norm"}


def draw(
    table: Frame,
    *,
    width: int = TWO_COLUMNS,
    layer: int = 2,
    condition: str = "median",
    vectors: str = "rows",
) -> Drawing:
    """Draw W_q and W_k of one layer: norms of their vectors, and singular values of all heads.

    x: normalized rank, 0 the smallest. Left, y: L2 norm of the vectors of the complete matrix,
    not split into heads. Right, y: singular values of the heads together, logarithmic; above
    them the condition number κ of each checkpoint.

    The paper shows its third and fourth layer, here 2 and 3 of layers that count from 0. It
    does not say what its condition number stands for: the median over heads of each head's κ,
    as in its Figure 5, is shown; ``condition="pooled"`` shows the largest singular value of all
    heads over the smallest of all. Nor does it say which vectors it means: the rows are those
    of length d_model, which nGPT keeps at 1; ``vectors="columns"`` shows the others.
    """
    norm, kappa = VECTORS[vectors], CONDITIONS[condition]
    wanted = [Series(norm, "quantile"), Series("singular_value", "quantile"), kappa]
    rows = CutTable(table, wanted, layer=layer)
    x, norms, spectra = rank_axis(), value_axis(), value_axis(log=True)
    groups = {
        role: [
            Panel(title=f"{role.facts.symbol}  norms of {vectors}", x=x, y=norms),
            Panel(title=f"{role.facts.symbol}  singular values", x=x, y=spectra),
        ]
        for role in rows.present(ROLES)
    }
    board = Board(rows, ROLES, list(groups.values()), width)
    for role, (left, right) in groups.items():
        draw_rank_curve(board, left, role, norm, "norm")
        draw_rank_curve(board, right, role, "singular_value", "singular value")
        for style in rows.styles:
            for value in rows.get(style, role, kappa)["value"]:
                board.write_above(right, style, f"κ {number(value)}")
    return board.finish()


FIGURE = Figure(
    name="queries_and_keys",
    title="Queries and keys of one layer",
    summary="W_q and W_k of one layer: sorted norms of their vectors and sorted singular values "
    "of all heads against normalized rank, with the condition number κ of each checkpoint.",
    needs=("vector_norms", "singular_values", "condition_numbers"),
    draw=draw,
    options=(
        Choice(
            name="layer", values=(), default=2, help="Which layer, from 0; the paper's third is 2."
        ),
        Choice(
            name="condition",
            values=tuple(CONDITIONS),
            help="κ: median over heads, or largest over smallest singular value of all heads.",
        ),
        Choice(name="vectors", values=tuple(VECTORS), help="Vectors of length d_model: rows."),
    ),
    formula="‖row‖₂ of the complete (out, in) matrix; σ of each head's block; κ = σ_max / σ_min of "
    "each head, median over heads.",
    source="arXiv 2410.01131, Figures 11 and 12",
    roles=tuple(str(role) for role in ROLES),
)
