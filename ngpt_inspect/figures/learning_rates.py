"""Figure 7: final loss against the peak learning rate."""

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
from ngpt_inspect.figures.canvas.text import length, rate
from ngpt_inspect.figures.canvas.ticks import every_second_first
from ngpt_inspect.figures.drawing.lines import Line, draw_line, in_panels, lines, remarks

PLACE = ["size", "context_length"]
LINE = ("family", "variant", "batch_size", "steps")


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw one panel a context length (columns) and size (rows), one line a family and budget.

    Points are means over seeds with their range. A ring marks the lowest of a line, a cross at
    the top edge a learning rate at which a run diverged.
    """
    rates = table.groupby([*PLACE, *LINE], dropna=False)["learning_rate"].transform("nunique")
    swept = table[rates > 1]
    sizes, contexts = (sorted(swept[name].unique()) for name in PLACE)
    y = Axis(title="final validation loss")
    panels = {
        (size, context): _panel(swept, size, context, len(sizes), y)
        for size in sizes
        for context in contexts
    }
    groups = [[panels[size, context] for context in contexts] for size in sizes]
    canvas = Canvas(groups, width, height=138)
    for line, panel, here in in_panels(lines(swept, LINE, PLACE), panels, PLACE):
        _draw(canvas, panel, line, here)
    empty = "" if len(swept) else "No budget was run with several learning rates."
    alone = "" if len(swept) in (0, len(table)) else "Not drawn: budgets run with one rate only."
    canvas.notes += remarks(table, empty, alone)
    return canvas.finish()


def _panel(table: Frame, size: str, context: int, sizes: int, y: Axis) -> Panel:
    here = table[(table["size"] == size) & (table["context_length"] == context)]
    ticks = every_second_first(sorted(here["learning_rate"].unique()))
    title = f"context {length(context)}"
    return Panel(
        title=f"{size}, {title}" if sizes > 1 else title,
        x=Axis(title="peak learning rate", log=True, write=rate, ticks_at=ticks),
        y=y,
    )


def _draw(canvas: Canvas, panel: Panel, line: Line, rows: Frame) -> None:
    hover = "rate %{x:.3g}<br>loss %{y:.4f}"
    finite = rows[rows["runs"] > 0]
    x, y = "learning_rate", "validation_loss"
    draw_line(canvas, panel, line, finite, x, y, between=("low", "high"), hover=hover)
    best = finite[finite["best"]]
    xs, ys = list(map(float, best[x])), list(map(float, best[y]))
    ring = {"mode": "markers", "hoverinfo": "skip", "meta": "best"}
    canvas.add(panel, scatter(x=xs, y=ys, marker=marker("circle-open", line.color, 12), **ring))
    canvas.key("best of its budget", marker_key(marker("circle-open", NEUTRAL, 11)))
    lost = rows[rows["diverged"] > 0]
    if len(lost):
        texts = [f"{line.label}<br>{n} diverged" for n in lost["diverged"]]
        at = list(map(float, lost[x]))
        canvas.at_edge(panel, at, "diverged", line.color, texts, name=line.label)


FIGURE = Figure(
    name="learning_rates",
    title="Final loss by learning rate",
    summary="Final validation loss against the peak learning rate, one line a family and budget "
    "(mean over seeds, bar from the lowest to the highest); the ring marks the best.",
    results="learning_rates",
    draw=draw,
    formula="final validation loss in nats per token, arithmetic mean over seeds.",
    source="arXiv 2410.01131, Figure 7",
)
