"""What a head computes: κ and effective rank of its QK and OV, by layer."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import Board, layer_axis, value_axis
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import Role, Series

CIRCUITS = {
    Role.W_Q: "QK = W<sub>q</sub><sup>T</sup> s<sub>qk</sub>² W<sub>k</sub>",
    Role.W_O: "OV = W<sub>o</sub> W<sub>v</sub>",
}
"""Role of the rows -> the circuit they are of."""
DRAWN = {
    "circuit_condition_number": "condition number κ",
    "circuit_effective_rank_share": "effective rank / d<sub>k</sub>",
}


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw κ above and the effective rank over d_k below, of QK and of OV."""
    series = [Series(of, name) for of in DRAWN for name in ("median", "low", "high")]
    rows = CutTable(table, series)
    x = layer_axis()
    axes = {of: value_axis(title, log="rank" not in of) for of, title in DRAWN.items()}
    axes["circuit_effective_rank_share"].cover([1])
    panels = {
        (of, role): Panel(title=CIRCUITS[role], x=x, y=axes[of])
        for of in DRAWN
        for role in rows.present(CIRCUITS)
    }
    lines = [[panel for (kind, _), panel in panels.items() if kind == of] for of in DRAWN]
    board = Board(rows, CIRCUITS, lines, width)
    for (of, role), panel in panels.items():
        band = between(of, "low", "high")
        draw_by_layer(board, panel, role, Series(of, "median"), name=DRAWN[of], band=band)
    return board.finish()


FIGURE = Figure(
    name="circuits",
    title="Circuits of heads",
    summary="κ and effective rank over d_k of QK and OV by normalized layer index: median over "
    "heads with the quartile band. A rank near 1 uses all directions of a head.",
    needs=("circuits",),
    draw=draw,
    formula="Singular values of W_qᵀ diag(s_qk²) W_k and of W_o W_v, norm gains folded in, head by "
    "head, at rotary distance 0; effective rank exp(−Σ p log p), p = σ / Σσ.",
    source="https://transformer-circuits.pub/2021/framework/index.html, QK and OV circuits",
)
