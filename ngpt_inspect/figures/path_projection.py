"""The path of hidden states on the hypersphere, laid out in the plane."""

import math
from collections.abc import Iterable
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
    marker_key,
    scatter,
)
from ngpt_inspect.figures.canvas.ticks import nice_steps
from ngpt_inspect.figures.drawing.lines import Line, remarks
from ngpt_inspect.figures.drawing.paths import NO_TRACE, SHOWN_AT, finite, keys, path_trace, paths

MOST = 12
"""Paths of one panel, where no token is chosen."""
FAINT = 0.6
"""Opacity of paths that lie over one another."""
CIRCLES = 4
STARTS = {"start": "square", "final state": "circle", "next token": "star"}
"""Marker of what a path begins and ends with, and of the output embedding it should near."""
CENTRES = {"final": "final state", "next": "next token's output embedding"}


def draw(
    table: Frame, *, width: int = TWO_COLUMNS, centre: str = "final", token: int | None = None
) -> Drawing:
    """Draw one panel a checkpoint: the states of each token, block by block, around a centre.

    The distance from the centre is the angle to it; dotted circles have equal angles. Each path
    is turned so that it begins on the left; directions are kept as far as two axes can.
    """
    x, y = f"x_{centre}", f"y_{centre}"
    chosen = table[table["row"].isin(["state", "next"]) & table[x].notna()]
    chosen = _only(chosen, token)
    drawn = list(paths(table, chosen))
    panels = [_panel(line.label, centre, chosen[x], chosen[y]) for line, _ in drawn]
    canvas = Canvas([panels], width, height=210)
    reach = [float(value) for name in (x, y) for value in chosen[name]]
    for panel, (line, rows) in zip(panels, drawn, strict=True):
        _draw_circles(canvas, panel, reach)
        _draw_paths(canvas, panel, line, rows, x, y, faint=token is None)
        keys(canvas, line)
    canvas.notes += remarks(table, *_notes(table, chosen, centre, token))
    return canvas.finish()


def _panel(title: str, centre: str, xs: Iterable[float], ys: Iterable[float]) -> Panel:
    """Return a panel with room for the paths of all checkpoints, so that they compare."""
    x, y = Axis(title=f"degrees from the {CENTRES[centre]}"), Axis(title="degrees aside")
    x.cover([0, *xs])  # the centre too
    y.cover([0, *ys])
    return Panel(title=title, x=x, y=y, equal=True)


def _only(rows: Frame, token: int | None) -> Frame:
    wanted = rows["token"] < MOST if token is None else rows["token"] == token
    return rows[wanted.fillna(False).astype(bool)]


def _draw_paths(
    canvas: Canvas, panel: Panel, line: Line, rows: Frame, x: str, y: str, *, faint: bool
) -> None:
    """Draw the states of all tokens, and mark where each begins and ends, and what follows."""
    states, following = (rows[rows["row"] == kind] for kind in ("state", "next"))
    hover = f"{SHOWN_AT}<br>x %{{x:.1f}}°, y %{{y:.1f}}°"
    canvas.add(panel, path_trace(line, states, x, y, hover, opacity=FAINT if faint else 1))
    marked = {
        "start": states.drop_duplicates("token"),
        "final state": states.drop_duplicates("token", keep="last"),
        "next token": following,
    }
    for name, those in marked.items():
        if len(those):
            canvas.add(panel, _marks(line, those, name, x, y))
            canvas.key(name, marker_key(marker(f"{STARTS[name]}-open", NEUTRAL)))


def _marks(line: Line, rows: Frame, name: str, x: str, y: str) -> Any:
    return scatter(
        x=rows[x].tolist(),
        y=rows[y].tolist(),
        mode="markers",
        marker=marker(f"{STARTS[name]}-open", line.color, 9, 1.4),
        name=line.label,
        cliponaxis=False,
        customdata=[[int(token)] for token in rows["token"]],
        hovertemplate=f"<b>{line.label}</b><br>{name} of token %{{customdata[0]}}<extra></extra>",
        meta=name,
    )


def _draw_circles(canvas: Canvas, panel: Panel, reach: list[float]) -> None:
    """Draw circles of equal angle around the centre, with their degrees."""
    radii = nice_steps(0, max(map(abs, reach)), CIRCLES)[1:]
    turn = [*(math.tau * part / 90 for part in range(91)), math.nan]
    circles = scatter(
        x=[finite(radius * math.cos(angle)) for radius in radii for angle in turn],
        y=[finite(radius * math.sin(angle)) for radius in radii for angle in turn],
        mode="lines",
        line={"color": NEUTRAL, "width": 0.7, "dash": "dot"},
        hoverinfo="skip",
        meta="circles",
    )
    degrees = scatter(
        x=[-radius * math.sqrt(0.5) for radius in radii],
        y=[radius * math.sqrt(0.5) for radius in radii],
        mode="text",
        text=[f"{radius:g}°" for radius in radii],
        textfont={"color": NEUTRAL, "size": 9},
        hoverinfo="skip",
        meta="degrees",
    )
    for trace in (circles, degrees):
        canvas.add(panel, trace, x=[], y=[])


def _notes(table: Frame, chosen: Frame, centre: str, token: int | None) -> list[str]:
    stress = chosen[f"stress_{centre}"]
    if not len(chosen):
        why = f"No token {token} with a known {CENTRES[centre]}."
        return [why if len(table) else NO_TRACE]
    notes = [
        f"Stress {stress.min():.2f} to {stress.max():.2f}: the relative error of the angles "
        "between points; those to the centre are exact."
    ]
    left = table["token"].max() + 1 - MOST
    if token is None and left > 0:
        notes.append(f"Only the first {MOST} tokens: the table has {left} more.")
    return notes


FIGURE = Figure(
    name="path_projection",
    title="The path on the hypersphere",
    summary="Each token's hidden state, block by block, in a map of the sphere around its final "
    "state (or the next token's output embedding): the distance from the centre is the angle to "
    "it. A straight line: the state goes there directly.",
    results="path",
    draw=draw,
    options=(
        Choice(
            name="centre",
            values=("final", "next"),
            help="What lies at the centre: the final state, or the next token's output embedding.",
        ),
        Choice(name="token", values=(), help=f"Only this token, from 0; else the first {MOST}."),
    ),
    formula="azimuthal equidistant map: the logarithm at the centre, its directions reduced to the "
    "two leading principal ones, its lengths kept. A GPT's states are normalised for it.",
    source="arXiv 2410.01131, section 2.2.2, equations 10 and 11 (not a figure of the paper)",
)
