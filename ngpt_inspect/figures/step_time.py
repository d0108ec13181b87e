"""Section A.4: how much longer a training step of nGPT takes."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Canvas, Drawing, Frame, Panel
from ngpt_inspect.figures.canvas.text import length
from ngpt_inspect.figures.drawing.lines import draw_line, lines, remarks

LINE = ("family", "size", "precision", "compiled")
NO_TIMINGS = "No timings of both families: give step_time.csv."
ONE_PANEL = 138
"""Pixels of its height."""


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw time of nGPT over time of GPT by context length: median over rounds, quartiles."""
    contexts = sorted(table["context_length"].unique())
    x = Axis(title="context length", log=True, write=length, ticks_at=contexts)
    panel = Panel(x=x, y=Axis(title="step time, nGPT / GPT"))
    canvas = Canvas([[panel]], width, height=ONE_PANEL)
    for line, rows in lines(table.assign(family="nGPT"), LINE):
        between = ("ratio_low", "ratio_high")
        draw_line(canvas, panel, line, rows, "context_length", "ratio", between=between)
    if contexts:
        canvas.level(panel, 1.0, [x.low, x.high], "as long as GPT")
    canvas.notes += remarks(table, "" if contexts else NO_TIMINGS)
    return canvas.finish()


FIGURE = Figure(
    name="step_time",
    title="Time of a training step",
    summary="Seconds of a step of nGPT over those of GPT by context length, timed in turn: median "
    "over rounds, bar over the middle half of them.",
    results="step_time_ratios",
    draw=draw,
    formula="ratio of the two times of each round; forward, backward, update and normalisation.",
    source="arXiv 2410.01131, section A.4",
)
