"""Panels of attention's matrices and of its two products, a condition number in each."""

from collections.abc import Sequence

from ngpt_inspect.figures.canvas import Axis, Canvas, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.lines import draw_line, in_panels, lines

ROWS = (("W_q", "W_k", "QK"), ("W_v", "W_o", "OV"))
KAPPA = "condition_number"
FORMULA = (
    "κ: median over heads; QK = W_q^T diag(s_qk²) W_k with a GPT's norm gains, OV = W_o W_v, "
    "over d_k directions."
)


def attention_panels(x: Axis, width: int) -> tuple[Canvas, dict[str, Panel]]:
    """Return a canvas with a panel a weight, all with one axis of condition numbers."""
    y = Axis(title="condition number", log=True)
    panels = {name: Panel(title=name, x=x, y=y) for row in ROWS for name in row}
    return Canvas([[panels[name] for name in row] for row in ROWS], width), panels


def draw_attention(
    shown: Frame, width: int, x: str, by: Sequence[str], *, said: Sequence[str], hover: str
) -> Drawing:
    """Draw each weight's condition number over `x`: a line of `by`, a bar over the heads.

    `said` are the footnotes.
    """
    canvas, panels = attention_panels(Axis(title=x), width)
    hover += "<br>κ %{y:.4g}"
    bar = ("lowest", "highest")
    for line, panel, rows in in_panels(lines(shown, by), panels, "weight"):
        draw_line(canvas, panel, line, rows, x, KAPPA, between=bar, hover=hover)
    canvas.notes += said
    return canvas.finish()
