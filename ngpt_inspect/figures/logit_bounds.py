"""The largest attention logit of each head, and its temperature, by layer."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import Board, layer_axis, value_axis
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import Role, Series

DRAWN = {
    "logit_bound": "largest possible logit",
    "attention_temperature": "temperature",
}


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw the bound on the logits beside the temperature.

    x: normalized layer index. The line is the median over heads, the band from the least to the
    largest head.
    """
    rows = CutTable(table, [Series(of, name) for of in DRAWN for name in ("median", "min", "max")])
    x = layer_axis()
    there = rows.present([Role.W_Q])
    panels = {
        of: Panel(title=title, x=x, y=value_axis(log=True)) for of, title in DRAWN.items() if there
    }
    board = Board(rows, [Role.W_Q], [list(panels.values())], width)
    for of, panel in panels.items():
        band = between(of, "min", "max")
        draw_by_layer(board, panel, Role.W_Q, Series(of, "median"), name=DRAWN[of], band=band)
    return board.finish()


FIGURE = Figure(
    name="logit_bounds",
    title="Bounds of attention logits",
    summary="The largest logit a head can give and its temperature by normalized layer index: "
    "median over heads, band over all heads.",
    needs=("logit_bounds",),
    draw=draw,
    formula="GPT: d σ_max(W_q diag(g)) σ_max(W_k diag(g)) / √d_k, or with normed queries and keys "
    "√d_k max|g_q| max|g_k|; nGPT: √d_k max s_qk². Temperature: 1 / (scale · rms ‖q‖ · rms ‖k‖).",
    source="arXiv 2410.01131, equations 13 to 16 (not a figure of the paper)",
    roles=(str(Role.W_Q),),
)
