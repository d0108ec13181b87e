"""Condition numbers along runs with the paper's length, decay and initial values (Figure 5)."""

from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame
from ngpt_inspect.figures.drawing.attention import FORMULA, KAPPA, attention_panels
from ngpt_inspect.figures.drawing.lines import draw_line, lines, remarks

LINE = ("family", "steps", "learning_rate", "weight_decay")
HOVER = "step %{x:,}<br>κ %{y:.4g}"


def draw(table: Frame, *, width: int = TWO_COLUMNS, layer: int = 0) -> Drawing:
    """Draw one panel a weight of one layer: condition number by step, a bar over the heads."""
    here = table[table["layer"] == layer]
    canvas, panels = attention_panels(Axis(title="step"), width)
    for line, rows in lines(here, LINE):
        for name, panel in panels.items():
            points = rows[rows["weight"] == name]
            bar = ("lowest", "highest")
            draw_line(canvas, panel, line, points, "step", KAPPA, between=bar, hover=HOVER)
    empty = "" if len(here) else f"Nothing of layer {layer}: give paper_length.csv."
    canvas.notes += remarks(table, empty)
    return canvas.finish()


FIGURE = Figure(
    name="paper_length",
    title="Condition numbers along the paper's length",
    summary="Condition number of one layer's attention matrices and of their products while a GPT "
    "and an nGPT train with the paper's number of steps, weight decay and initial values; median "
    "over heads, bar from the lowest to the highest head.",
    results="paper_length",
    draw=draw,
    options=(Choice(name="layer", values=(), default=0, help="Which layer, from 0."),),
    formula=FORMULA,
    source="arXiv 2410.01131, Figure 5",
)
