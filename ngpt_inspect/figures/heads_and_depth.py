"""Condition numbers layer by layer, with wide and narrow heads (Figures 5 and 10)."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.attention import FORMULA, draw_attention
from ngpt_inspect.figures.drawing.lines import remarks

LINE = ("family", "d_k", "steps", "learning_rate")


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw one panel a weight: condition number by layer after training, a line a head width."""
    last = table[table["step"] == table["steps"]]
    said = remarks(table, "" if len(last) else "No run has ended: give heads_and_depth.csv.")
    return draw_attention(last, width, "layer", LINE, said=said, hover="layer %{x}")


FIGURE = Figure(
    name="heads_and_depth",
    title="Condition numbers by layer and head width",
    summary="Condition number of attention matrices and of their products after training, layer by "
    "layer, for heads of several widths; median over heads, bar from the lowest to the highest.",
    results="heads_and_depth",
    draw=draw,
    formula=FORMULA,
    source="arXiv 2410.01131, Figures 5 and 10",
)
