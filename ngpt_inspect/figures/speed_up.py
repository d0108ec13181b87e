"""The speed-up of Figure 2, drawn: against budget and against context length."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import (
    NEUTRAL,
    TWO_COLUMNS,
    Axis,
    Canvas,
    Drawing,
    Frame,
    Panel,
    marker,
    marker_key,
    scatter,
)
from ngpt_inspect.figures.canvas.text import length, short
from ngpt_inspect.figures.drawing.lines import Line, draw_line, lines, remarks

BOUNDS = {"lower": ("triangle-up-open", "at least"), "upper": ("triangle-down-open", "at most")}
NO_PAIRS = "No finished runs of both families in the same size and context."
SIDES = (("steps", "context_length"), ("context_length", "steps"))
"""What each panel has on its x axis, and what tells its lines apart."""


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw the factor by budget, a line a context, and by context, a line a budget.

    1 means no faster. A triangle says that a point is only a bound.
    """
    told = table[table["speed_up"].notna()]
    budgets, contexts = (sorted(told[name].unique()) for name in ("steps", "context_length"))
    by_budget = Axis(title="budget of nGPT, steps", log=True, write=short, ticks_at=budgets)
    by_context = Axis(title="context length", log=True, write=length, ticks_at=contexts)
    y = "speed-up in steps"
    panels = (
        Panel(title="by budget", x=by_budget, y=Axis(title=y)),
        Panel(title="by context length", x=by_context, y=Axis(title=y)),
    )
    canvas = Canvas([panels], width, height=138)
    drawn = 0
    for panel, (x, other) in zip(panels, SIDES, strict=True):
        by = ("family", "size", "variant", "batch_size", other)
        for line, rows in list(lines(told, by, [x], skip=drawn)):
            _draw(canvas, panel, line, rows, x)
            drawn += 1
        if len(told):  # the line at 1: as fast as GPT
            canvas.level(panel, 1.0, [panel.x.low, panel.x.high])
    canvas.notes += remarks(table, "" if len(told) else NO_PAIRS)
    return canvas.finish()


def _draw(canvas: Canvas, panel: Panel, line: Line, rows: Frame, x: str) -> None:
    between = ("speed_up_low", "speed_up_high")
    draw_line(canvas, panel, line, rows, x, "speed_up", between=between, hover="%{y:.3g} times")
    for bound, (symbol, words) in BOUNDS.items():
        there = rows[rows["bound"] == bound]
        if len(there):
            xs, ys = list(map(float, there[x])), list(map(float, there["speed_up"]))
            look = {"mode": "markers", "hoverinfo": "skip", "meta": bound}
            ring = marker(symbol, line.color, 11)
            canvas.add(panel, scatter(x=xs, y=ys, marker=ring, **look))
            canvas.key(words, marker_key(marker(symbol, NEUTRAL, 9)))


FIGURE = Figure(
    name="speed_up",
    title="Speed-up of nGPT",
    summary="Steps GPT needs over steps nGPT needs to nGPT's final loss, by budget and by context "
    "length: geometric mean over seeds, bar from the lowest to the highest.",
    results="final_losses",
    draw=draw,
    formula="log(steps) of GPT interpolated linearly in the loss between its separately scheduled "
    "budgets; beyond them a bound, never an extrapolation.",
    source="arXiv 2410.01131, Figure 2 (the factors it states)",
)
