"""The experts of each layer: how alike they are, how long their rows in the router."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import Board, layer_axis, value_axis
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import Role, Series

SPREAD = {
    "expert_similarity": "cosine of experts",
    "expert_overlap": "overlap of leading directions",
    "router_norm": "norm of router rows",
}
DEAD = "dead_experts"


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw four panels, one line a checkpoint.

    x: normalized layer index. y: median over pairs of experts (over experts for the router) in a
    band from the smallest to the largest, and how many experts are dead.
    """
    ends = ("min", "median", "max")
    series = [Series(name, end) for name in SPREAD for end in ends]
    rows = CutTable(table, [*series, Series(DEAD)])
    x = layer_axis()
    panels = {
        name: Panel(title=title, x=x, y=value_axis())
        for name, title in {**SPREAD, DEAD: "dead experts"}.items()
    }
    there = rows.present([Role.W_ROUTER])
    board = Board(rows, [Role.W_ROUTER], [list(panels.values())] if there else [], width)
    for name in SPREAD if there else ():
        draw_by_layer(
            board,
            panels[name],
            Role.W_ROUTER,
            Series(name, "median"),
            name=SPREAD[name],
            band=between(name, "min", "max"),
        )
    if there:
        draw_by_layer(board, panels[DEAD], Role.W_ROUTER, Series(DEAD), name="dead experts")
    return board.finish()


FIGURE = Figure(
    name="experts",
    title="Experts",
    summary="Cosine and overlap of the experts of each layer, norms of the router's rows, and dead "
    "experts, by normalized layer index: median in a band from smallest to largest.",
    needs=("experts",),
    draw=draw,
    formula="cosine of all matrices of two experts as one vector; mean squared cosine of the "
    "principal angles of their leading directions; ‖row‖₂ of the router.",
    source="Lo et al., arXiv 2406.18219, section 4.1 (not a figure of arXiv 2410.01131)",
)
