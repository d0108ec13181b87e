"""Condition numbers along runs with the paper's length, decay and initial values (Figure 5)."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.attention import FORMULA, draw_attention
from ngpt_inspect.figures.drawing.choices import LAYER
from ngpt_inspect.figures.drawing.lines import remarks

LINE = ("family", "steps", "learning_rate", "weight_decay")


def draw(table: Frame, *, width: int = TWO_COLUMNS, layer: int = 0) -> Drawing:
    """Draw one panel a weight of one layer: condition number by step, a bar over the heads."""
    here = table[table["layer"] == layer]
    said = remarks(table, "" if len(here) else f"Nothing of layer {layer}: give paper_length.csv.")
    return draw_attention(here, width, "step", LINE, said=said, hover="step %{x:,}")


FIGURE = Figure(
    name="paper_length",
    title="Condition numbers along the paper's length",
    summary="Condition number of one layer's attention matrices and of their products while a GPT "
    "and an nGPT train with the paper's number of steps, weight decay and initial values; median "
    "over heads, bar from the lowest to the highest head.",
    results="paper_length",
    draw=draw,
    options=(LAYER,),
    formula=FORMULA,
    source="arXiv 2410.01131, Figure 5",
)
