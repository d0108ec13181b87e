"""What runs log while they train: losses, learning rate and gradient norm."""

from html import escape
from typing import Any

from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Canvas, Drawing, Frame, Panel, band
from ngpt_inspect.figures.canvas.text import short
from ngpt_inspect.figures.drawing.choices import switch
from ngpt_inspect.figures.drawing.lines import Line, draw_line, remarks, run_lines, tell_together

AXES = {
    "steps": ("step", "steps"),
    "tokens": ("tokens", "training tokens"),
    "seconds": ("seconds", "seconds of training"),
}
"""What is chosen -> column and title of the x axis."""
WRITTEN = {"step": ",.0f", "tokens": ".4s", "seconds": ",.0f"}
"""How a place on the x axis is written where the pointer is."""
LOSSES = {"train_loss": "training loss", "validation_loss": "validation loss"}
FURTHER = {"learning_rate": "learning rate", "gradient_norm": "gradient norm"}
EARLY = 0.1
"""Share of the steps taken in which a run falls from the loss of guessing: cut off at the top."""


def draw(
    table: Frame,
    *,
    width: int = TWO_COLUMNS,
    against: str = "steps",
    log_x: bool = False,
    learning_rate: bool = False,
    gradient_norm: bool = False,
) -> Drawing:
    """Draw one panel a quantity, one line a run, in the order of the table.

    Validation losses are points as measured. A point of the others is what was logged, or the
    mean of several consecutive values with a band from their smallest to their largest.
    """
    asked = {"learning_rate": learning_rate, "gradient_norm": gradient_norm}
    quantities = LOSSES | {name: FURTHER[name] for name, wanted in asked.items() if wanted}
    x, title = AXES[against]
    styled = list(run_lines(table))
    shown = table[table[x].notna()]
    along = Axis(title=title, log=log_x, from_zero=True, write=short)
    panels = {
        name: Panel(title=words, x=along, y=_axis(name, words, _top(shown)))
        for name, words in quantities.items()
    }
    pairs = list(panels.values())
    canvas = Canvas([pairs[:2], pairs[2:]], width, height=138)
    for line, rows in styled:
        mine = rows[rows[x].notna()]
        for name, panel in panels.items():
            _draw(canvas, panel, line, mine[mine["quantity"] == name], x)
    untimed = [line.label for line, rows in styled if rows[x].isna().any()]
    empty = "" if len(shown) else "No metrics of training: give the folders of runs."
    without = f"No whole record of {against}: {', '.join(untimed)}." if untimed else ""
    canvas.notes += remarks(table, empty, without, _averages(shown, quantities))
    return tell_together(canvas.finish(), WRITTEN[x])


def _axis(quantity: str, words: str, top: float) -> Axis:
    """Return the y axis of a quantity; losses are cut off at the top."""
    if quantity in FURTHER:
        return Axis(title=words, log=quantity == "gradient_norm")
    return Axis(title="nats per token", top=top)


def _top(table: Frame) -> float:
    """Return the highest loss after the first steps of each run."""
    losses = table[table["quantity"].isin(list(LOSSES))]
    last = losses.groupby("run")["step"].transform("max")
    return float(losses.loc[losses["step"] >= EARLY * last, "value"].max())


def _draw(canvas: Canvas, panel: Panel, line: Line, rows: Frame, x: str) -> None:
    if rows.empty:
        return
    few = bool((rows["quantity"] == "validation_loss").all())
    if (rows["averaged"] > 1).any():
        xs, low, high = (list(map(float, rows[name])) for name in (x, "low", "high"))
        said = {"legendgroup": line.label, "name": line.label}
        canvas.add(panel, band(xs, low, high, line.color).update(**said))
    dots = few or len(rows) == 1
    hover = "%{y:.5g}"
    draw_line(canvas, panel, line, rows, x, "value", markers=dots, hover=hover, together=True)


def _averages(table: Frame, quantities: Any) -> str:
    """Say how many values a point is the mean of, where it is of several."""
    shown = table[table["quantity"].isin(list(quantities))]
    most = shown.groupby("run", sort=False)["averaged"].max()
    told = [f"{count} ({escape(str(run))})" for run, count in most[most > 1].items()]
    if not told:
        return ""
    return (
        f"But for validation, a point is the mean of consecutive values, the band from the "
        f"smallest to the largest of them: {', '.join(told)}."
    )


FIGURE = Figure(
    name="training_curves",
    title="Losses while training",
    summary="Training and validation loss against optimiser steps, training tokens or seconds of "
    "training, one line a run; on request the learning rate and the norm of the gradient. What "
    "lies above the losses of the first tenth of a run is cut off.",
    results="training_curves",
    draw=draw,
    options=(
        Choice(
            name="against",
            label="Horizontal axis",
            values=tuple(AXES),
            help="What is on the x axis.",
        ),
        switch("log_x", "A logarithmic x axis.", "Logarithmic"),
        switch("learning_rate", "A further panel with the learning rate of each step."),
        switch("gradient_norm", "A further panel with the norm of the gradient before clipping."),
    ),
    formula="mean cross-entropy in nats per token: of each step's batch before its update, and of "
    "held-out text; beyond 400 logged values, means of equally many consecutive ones.",
    source="arXiv 2410.01131, Figure 1 (its curves; training loss is not in the paper)",
)
