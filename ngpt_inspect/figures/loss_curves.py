"""Figure 1: validation loss while training, and the speed-up read off it."""

from collections.abc import Sequence
from typing import Any

from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import (
    NEUTRAL,
    TWO_COLUMNS,
    Axis,
    Canvas,
    Drawing,
    Frame,
    Panel,
    marker,
    scatter,
)
from ngpt_inspect.figures.canvas.text import factor, length, short
from ngpt_inspect.figures.drawing.choices import switch
from ngpt_inspect.figures.drawing.lines import Line, draw_line, lines, remarks

LINE = ("family", "size", "variant", "batch_size", "learning_rate", "steps")
"""What makes a line; seeds of one setting look alike."""
PLACE = ["size", "context_length"]
ROOM = 0.2
"""Share of the x axis that is kept free left of an arrow, for its factor."""
APART = 0.1
"""Least distance between two arrows, as a share of the losses shown."""
FOR_WORDS = 150
"""Pixels of a panel that has factors beside its points, where the page has room."""
EARLY = 0.15
"""Share of its budget in which a run falls from the loss of guessing: cut off at the top."""


def draw(
    table: Frame,
    *,
    width: int = TWO_COLUMNS,
    log_steps: bool = False,
    all_budgets: bool = False,
    context: int | None = None,
) -> Drawing:
    """Draw, for each size and context, loss against steps and tokens and the factor against loss.

    Of GPT the longest budget, of nGPT the shortest and the longest, unless all are asked for.
    An arrow leads from where nGPT reaches a loss to where GPT does: at nGPT's lowest loss, or,
    where GPT never gets there, at the lowest loss that both reach. The factor is the ratio of
    their steps (`ngpt_inspect.results.loss_curves`).
    """
    there = table if context is None else table[table["context_length"] == context]
    shown = there if all_budgets else _ends(there)
    curves = shown[shown["row"] == "validation"]
    places = {
        place: shown[(shown[PLACE] == list(place)).all(axis=1)]
        for place, _ in curves.groupby(PLACE, sort=True)
    }
    sizes = curves["size"].nunique()
    groups = [_panels(rows, place, sizes, log_steps) for place, rows in places.items()]
    canvas = Canvas(groups, width, height=138)
    styled = list(lines(curves, LINE, PLACE))
    for panels, here in zip(groups, places.values(), strict=True):
        for line, rows in styled:
            _draw_runs(canvas, panels, line, _of(here, rows))
        _draw_arrows(canvas, panels[0], here[here["row"] == "read_off"])
    bounds = shown[(shown["row"] == "read_off") & (shown["bound"] == "lower")]
    empty = "" if len(curves) else "No validation losses: give run folders, or speed_up.csv."
    canvas.notes += remarks(table, empty, *_bounds(bounds), _left_out(there, shown))
    return canvas.finish()


def _ends(table: Frame) -> Frame:
    """Return the rows of GPT's longest budget and of nGPT's shortest and longest."""
    budgets = table.groupby(["family", "variant", *PLACE], dropna=False)["steps"]
    longest, shortest = (table["steps"] == budgets.transform(end) for end in ("max", "min"))
    return table[longest | (shortest & (table["family"] == "nGPT"))]


def _left_out(there: Frame, shown: Frame) -> str:
    runs, drawn = (rows["run"].nunique() for rows in (there, shown))
    return f"Not drawn: {runs - drawn} runs of other budgets." if drawn < runs else ""


def _of(here: Frame, line: Frame) -> Frame:
    """Return the rows of the runs of one line."""
    return here[here["run"].isin(line["run"]) & (here["row"] != "read_off")]


def _panels(rows: Frame, place: Any, sizes: int, log: bool) -> list[Panel]:
    """Return the panels of one size and context: loss by steps, by tokens, factor where known."""
    size, context = place
    title = f"{size}, context {length(context)}" if sizes > 1 else f"context {length(context)}"
    settled = rows[(rows["row"] == "validation") & (rows["step"] >= EARLY * rows["steps"])]
    y = Axis(title="validation loss", top=float(settled["validation_loss"].max()))
    curves = [
        Panel(
            title=title,
            x=Axis(title=x, log=log, write=short, ticks_from=0),
            y=y,
            narrowest=FOR_WORDS,
        )
        for x in ("steps", "training tokens")
    ]
    factors = Panel(title=title, x=Axis(title="validation loss"), y=Axis(title="speed-up in steps"))
    known = ((rows["row"] == "speed_up") & (rows["bound"] == "")).any()
    return [*curves, factors] if known else curves


def _draw_runs(canvas: Canvas, panels: Sequence[Panel], line: Line, rows: Frame) -> None:
    """Draw the runs of one line: loss into two panels, factor into the third if there is one."""
    losses, factors = (rows[rows["row"] == kind] for kind in ("validation", "speed_up"))
    for _, run in losses.groupby("run", sort=False):
        for panel, x in zip(panels[:2], ("step", "tokens"), strict=True):
            alone = len(run) == 1  # a line of one point is not seen
            draw_line(canvas, panel, line, run, x, "validation_loss", markers=alone)
    settled = factors["validation_loss"] <= panels[0].y.top
    hover = "loss %{x:.4f}<br>%{y:.3g} times fewer steps"
    for _, run in factors[settled & (factors["bound"] == "")].groupby("run", sort=False):
        for panel in panels[2:]:
            x, y = "validation_loss", "speed_up"
            draw_line(canvas, panel, line, run, x, y, markers=False, hover=hover)


def _draw_arrows(canvas: Canvas, panel: Panel, read: Frame) -> None:
    """Draw one arrow a setting, at the lowest loss at which the factor is exact.

    Its factor stands where it starts, below the curve of nGPT: there none passes. The longest
    budget goes first; what would meet an arrow already there is left to the panel of factors.
    """
    apart = APART * max(panel.y.high - panel.y.low, 0)
    drawn: list[float] = []
    starts: list[float] = []
    exact = read[read["bound"] == ""].sort_values("steps", ascending=False, kind="stable")
    for row in exact.to_dict("records"):
        ends = [float(row["step"]), float(row["gpt_steps"])]
        loss = float(row["validation_loss"])
        if any(abs(loss - other) < apart for other in drawn):
            continue
        at_start = "middle left" if ends[1] > ends[0] else "middle right"
        _write(canvas, panel, factor(float(row["speed_up"])), ends[0], loss, at_start)
        drawn.append(loss)
        starts.append(ends[0])
        trace = scatter(
            x=ends,
            y=[loss, loss],
            mode="lines+markers",
            line={"color": NEUTRAL, "width": 1},
            marker={**marker("arrow", NEUTRAL, 7, 0), "angle": [0, 90], "opacity": [0, 1]},
            hovertemplate=f"loss {loss:.4f}<br>%{{x:,.0f}} steps<extra></extra>",
            name="read off",
            meta="read_off",
        )
        canvas.add(panel, trace)
    if starts and not panel.x.log:
        panel.x.cover([min(0.0, min(starts) - ROOM * panel.x.high)])


def _write(canvas: Canvas, panel: Panel, words: str, x: float, y: float, where: str) -> None:
    look = {"mode": "markers+text", "textposition": where, "hoverinfo": "skip", "meta": "factor"}
    room = {"size": 6, "opacity": 0}  # keeps the words off the arrow
    trace = scatter(x=[x], y=[y], text=[words], marker=room, cliponaxis=False, **look)
    canvas.add(panel, trace)


def _bounds(read: Frame) -> list[str]:
    return [
        f"GPT does not reach {row['validation_loss']:.3f}, where nGPT ends after "
        f"{row['step']:,.0f} steps at context {row['context_length']}: there more than "
        f"{factor(row['speed_up'])}."
        for row in read.to_dict("records")
    ]


FIGURE = Figure(
    name="loss_curves",
    title="Validation loss while training",
    summary="Validation loss against optimiser steps and training tokens, one line a run; the "
    "arrow leads from nGPT to where GPT reaches the same loss. Right: that factor by loss.",
    results="loss_curves",
    draw=draw,
    options=(
        switch("log_steps", "Steps and tokens on a logarithmic axis (the paper's are linear)."),
        switch(
            "all_budgets", "Every budget, not only GPT's longest and nGPT's shortest and longest."
        ),
        Choice(name="context", values=(), help="Only runs of this context length, in tokens."),
    ),
    formula="steps GPT needs / steps nGPT needs to the same loss, on the running minimum of each "
    "curve, interpolated in log(steps); mean over seeds is geometric.",
    source="arXiv 2410.01131, Figure 1",
)
