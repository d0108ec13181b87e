"""Whether the vectors nGPT normalises are still of length 1, by layer."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import layer_axis, matrix_board, value_axis
from ngpt_inspect.figures.drawing.dots import draw_beside, draw_level
from ngpt_inspect.figures.drawing.layers import draw_by_layer
from ngpt_inspect.vocabulary import EMBEDDINGS, Series

DEVIATION, TOLERANCE = "unit_deviation", "tolerance"


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw one panel a matrix and one for the two embeddings; a GPT is not meant to be there."""
    rows = CutTable(table, [Series(DEVIATION), Series(TOLERANCE)])
    y = value_axis("max |‖v‖ − 1|", log=True)
    there = rows.present(EMBEDDINGS)
    names = Axis(names=[role.facts.symbol for role in there])
    shared = dict.fromkeys(EMBEDDINGS, Panel(title="embeddings", x=names, y=y))
    board, panels = matrix_board(rows, layer_axis(), y, width, extra=shared)
    for role, panel in panels.items():
        draw_level(board, panel, role, TOLERANCE)
        if role not in there:
            draw_by_layer(board, panel, role, Series(DEVIATION), name="deviation")
    if there:
        draw_beside(board, panels[there[0]], there, DEVIATION, "deviation")
    return board.finish()


FIGURE = Figure(
    name="unit_norm",
    title="Distance from the hypersphere",
    summary="Largest distance from 1 of the norms of the vectors nGPT normalises, by normalized "
    "layer index. Below the dotted tolerance of the stored dtype: on the hypersphere.",
    needs=("unit_norm",),
    draw=draw,
    formula="max |‖v‖₂ − 1| over the vectors of length d_model: rows, but columns of W_o and "
    "W_oMLP.",
    source="arXiv 2410.01131, section 2.6, step 2 (not a figure of the paper)",
)
