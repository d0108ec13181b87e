"""Figure 13: perplexity beyond the trained context length."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import DOTTED, TWO_COLUMNS, Axis, Canvas, Drawing, Frame, Panel
from ngpt_inspect.figures.canvas.text import length
from ngpt_inspect.figures.canvas.ticks import every_second_first
from ngpt_inspect.figures.drawing.lines import draw_line, in_panels, lines, remarks

LINE = ("family", "size", "variant", "context_length", "steps")
EXPLODES = 8
"""Perplexities further apart than this factor are drawn on a logarithmic axis."""


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw one panel a kind of text: perplexity by evaluated length, a line a trained model.

    A dotted line stands at each trained context length. Perplexities of two texts do not
    compare: each panel has its own y axis, logarithmic where perplexity explodes.
    """
    ticks = every_second_first(sorted(table["evaluated_length"].unique()))
    panels = {
        text: Panel(
            title=f"{text} text",
            x=Axis(title="evaluated length, tokens", log=True, write=length, ticks_at=ticks),
            y=Axis(title="perplexity", log=_explodes(table[table["text"] == text])),
        )
        for text in sorted(table["text"].unique())
    }
    canvas = Canvas([list(panels.values())], width, height=165)
    bar, hover = ("perplexity_low", "perplexity_high"), "%{x:,} tokens<br>perplexity %{y:.4g}"
    x, y = "evaluated_length", "perplexity"
    for line, panel, here in in_panels(lines(table, LINE), panels, "text"):
        draw_line(canvas, panel, line, here, x, y, between=bar, hover=hover)
    for panel in panels.values():
        for trained in sorted(table["context_length"].unique()):
            canvas.upright(panel, float(trained), DOTTED, "trained length")
    canvas.notes += remarks(table, "" if len(table) else "No evaluations: give longer_context.csv.")
    return canvas.finish()


def _explodes(rows: Frame) -> bool:
    told = rows["perplexity"].dropna()
    return len(told) > 0 and bool(told.max() > EXPLODES * told.min())


FIGURE = Figure(
    name="longer_context",
    title="Perplexity beyond the trained context",
    summary="Perplexity against the evaluated length, one line a model and trained context "
    "(dotted), on held-out and on out-of-domain text.",
    results="perplexities",
    draw=draw,
    formula="perplexity = exp(mean loss in nats per token); over seeds the geometric mean, the "
    "bar from the lowest to the highest.",
    source="arXiv 2410.01131, Figure 13",
)
