"""Condition numbers layer by layer, with wide and narrow heads (Figures 5 and 10)."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame
from ngpt_inspect.figures.drawing.attention import FORMULA, KAPPA, attention_panels
from ngpt_inspect.figures.drawing.lines import draw_line, lines, remarks

LINE = ("family", "d_k", "steps", "learning_rate")
HOVER = "layer %{x}<br>κ %{y:.4g}"


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw one panel a weight: condition number by layer after training, a line a head width."""
    last = table[table["step"] == table["steps"]]
    canvas, panels = attention_panels(Axis(title="layer"), width)
    for line, rows in lines(last, LINE):
        for name, panel in panels.items():
            points = rows[rows["weight"] == name]
            bar = ("lowest", "highest")
            draw_line(canvas, panel, line, points, "layer", KAPPA, between=bar, hover=HOVER)
    empty = "" if len(last) else "No run has ended: give heads_and_depth.csv."
    canvas.notes += remarks(table, empty)
    return canvas.finish()


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
