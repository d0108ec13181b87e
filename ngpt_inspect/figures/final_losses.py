"""Figure 2: final loss of separately scheduled runs against their training tokens."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Canvas, Drawing, Frame, Panel, scatter
from ngpt_inspect.figures.canvas.text import factor, length, short
from ngpt_inspect.figures.drawing.lines import Line, draw_line, in_panels, lines, remarks

ROOM = 0.2
"""Share of the x axis that is kept free on the left, for the first factor."""
FOR_WORDS = 150
"""Pixels of a panel that has factors beside its points."""
ROOM_BELOW = 0.07
"""The same of the y axis, below the lowest."""
LINE = ("family", "size", "variant", "batch_size")


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw one panel a context length: mean final loss over seeds with their range, by tokens.

    Beside each point of nGPT stands its speed-up in steps; ≥ where GPT's longest budget does
    not reach the loss, ≤ where its shortest is below it already.
    """
    y = Axis(title="final validation loss")
    panels = {
        context: Panel(
            title=f"context {length(context)}",
            x=Axis(title="training tokens", log=True, write=short),
            y=y,
            narrowest=FOR_WORDS,
        )
        for context in sorted(table["context_length"].unique())
    }
    canvas = Canvas([list(panels.values())], width, height=138)
    bar, hover = ("low", "high"), "%{x:.4g} tokens<br>loss %{y:.4f}"
    told = lines(table, LINE, ["context_length"])
    for line, panel, mine in in_panels(told, panels, "context_length"):
        draw_line(canvas, panel, line, mine, "tokens", "validation_loss", between=bar, hover=hover)
        _write_factors(canvas, panel, line, mine)
    empty = "" if len(table) else "No finished runs: give run folders, or speed_up.csv."
    canvas.notes += remarks(table, empty)
    return canvas.finish()


def _write_factors(canvas: Canvas, panel: Panel, line: Line, rows: Frame) -> None:
    told = rows[rows["speed_up"].notna() & rows["validation_loss"].notna()]
    if told.empty:
        return
    signs = {"lower": "≥ ", "upper": "≤ ", "": ""}
    texts = [
        signs[bound] + factor(value)
        for bound, value in zip(told["bound"], told["speed_up"], strict=True)
    ]
    xs, ys = list(map(float, told["tokens"])), list(map(float, told["validation_loss"]))
    trace = scatter(
        x=xs,
        y=ys,
        mode="text",
        text=[f"{text} " for text in texts],
        textposition="bottom left",
        textfont={"color": line.color},
        cliponaxis=False,
        hoverinfo="skip",
        name=line.label,
        meta="speed_up",
    )
    left = panel.x.low * (panel.x.low / panel.x.high) ** ROOM
    below = ROOM_BELOW * (panel.y.high - panel.y.low)
    canvas.add(panel, trace, x=[*xs, left], y=[*ys, min(ys) - below])


FIGURE = Figure(
    name="final_losses",
    title="Final loss by training tokens",
    summary="Final validation loss against training tokens, one point a separately scheduled "
    "budget (mean over seeds, bar from the lowest to the highest); beside nGPT its speed-up.",
    results="final_losses",
    draw=draw,
    formula="speed-up = steps GPT needs / steps nGPT needs to nGPT's final loss, log(steps) "
    "interpolated linearly in the loss between GPT's budgets; geometric mean over seeds.",
    source="arXiv 2410.01131, Figure 2",
)
