"""Paths of hidden states: which line is whose, and where each block has brought it."""

import math
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

from ngpt_inspect.figures._cut_table import NO_STEP, styles, whole
from ngpt_inspect.figures._figure import Choice
from ngpt_inspect.figures.canvas import (
    NEUTRAL,
    Axis,
    Canvas,
    Drawing,
    Frame,
    Panel,
    marker_key,
    scatter,
)
from ngpt_inspect.figures.drawing.lines import SYMBOLS, WIDTH, Line, remarks
from ngpt_inspect.table import Table

MARKER = 5
SHOWN_AT = "token %{customdata[0]}, %{customdata[2]}"
NO_TRACE = "No traces: write one with ngpt-inspect trace, or python -m reference_model.trace."
ONE_TOKEN = Choice(name="token", values=(), help="Only this token, from 0; else the mean.")
BLOCKS = {"attention": "", "mlp": "-open"}
"""How a marker tells which block a state comes out of; the embedding's is as attention's."""


def draw_by_depth(
    table: Frame,
    titles: Mapping[str, str],
    width: int,
    token: int | None,
    *,
    unit: str = "",
    log: bool = False,
    hover: str,
) -> Drawing:
    """Draw columns of a table of paths against depth, a panel each, two side by side.

    A line a checkpoint: means over tokens, or one token. A filled marker stands after attention,
    an open one after the MLP.
    """
    shown = table[table["row"] == ("mean" if token is None else "state")]
    if token is not None:
        shown = shown[(shown["token"] == token).fillna(False).astype(bool)]
    x = Axis(title="normalized depth")
    panels = {
        name: Panel(title=title, x=x, y=Axis(title=unit, log=log)) for name, title in titles.items()
    }
    every = list(panels.values())
    canvas = Canvas([every[at : at + 2] for at in range(0, len(every), 2)], width, height=138)
    said = []
    for line, rows in paths(table, shown):
        for name, panel in panels.items():
            words = f"%{{customdata[2]}}<br>{hover}"
            canvas.add(panel, path_trace(line, rows, "depth", name, words))
        keys(canvas, line)
        if token is not None:
            said.append(_token_said(line.label, rows))
    empty = "" if len(shown) else (NO_TRACE if token is None else f"No token {token}.")
    canvas.notes += remarks(table, empty, *said)
    return canvas.finish()


def _token_said(label: str, rows: Frame) -> str:
    first = rows.iloc[0]
    following = escape(str(first["next_text"]))
    after = f", followed by “{following}”" if following not in ("", "nan") else ", the last one"
    return f"{label}: token {first['token']} is “{escape(str(first['text']))}”{after}."


def paths(table: Frame, shown: Frame) -> Iterator[tuple[Line, Frame]]:
    """Yield each checkpoint of a table with those of its rows that are shown, if there are any.

    It has its colour of every figure: what the table's `attrs` say of checkpoints.
    """
    shown = Table.of(shown).rows
    steps = shown["step"].fillna(NO_STEP).astype(int)
    told = table.attrs.get("checkpoints", ())
    for style in styles(shown.rename(columns={"family": "architecture"}), told):
        rows = shown[(shown["checkpoint"] == style.checkpoint) & (steps == style.step)]
        if len(rows):
            symbol = SYMBOLS.get(style.family, "circle")
            yield Line(style.label, style.color, style.dash, symbol), rows


def path_trace(line: Line, rows: Frame, x: str, y: str, hover: str, **look: Any) -> Any:
    """Return the paths of all tokens in `rows`, a marker a state, a gap between two tokens.

    `customdata` holds token, state and what was passed.
    """
    points = list(_points(rows, x, y))
    return scatter(
        x=[each.x for each in points],
        y=[each.y for each in points],
        mode="lines+markers",
        line={"color": line.color, "dash": line.dash, "width": WIDTH},
        marker={
            "symbol": [line.symbol + BLOCKS.get(each.block, "") for each in points],
            "size": MARKER,
            "color": line.color,
            "line": {"color": line.color, "width": 1.2},
        },
        name=line.label,
        legendgroup=line.label,
        customdata=[[each.token, each.state, _passed(each.layer, each.block)] for each in points],
        hovertemplate=f"<b>{line.label}</b><br>{hover}<extra></extra>",
        meta=y,
        **look,
    )


class _Point(NamedTuple):
    """A state, or (all None) the gap between the paths of two tokens."""

    token: int | None = None
    state: int | None = None
    layer: int | None = None
    block: str = ""
    x: float | None = None
    y: float | None = None


def _points(rows: Frame, x: str, y: str) -> Iterator[_Point]:
    before = None
    columns = [rows[name].tolist() for name in ("token", "state", "layer", "block", x, y)]
    for token, state, layer, block, at_x, at_y in zip(*columns, strict=True):
        if before is not None and whole(token) != before:
            yield _Point()
        before = whole(token)
        yield _Point(before, whole(state), whole(layer), block, finite(at_x), finite(at_y))


def finite(value: float) -> float | None:
    """Return a gap for what is no number."""
    return float(value) if math.isfinite(value) else None


def keys(canvas: Canvas, line: Line) -> None:
    """Explain a line, and which marker stands for which block."""
    canvas.key(line.label, line.key(markers=False))
    for block, suffix in BLOCKS.items():
        look = {"symbol": f"circle{suffix}", "size": MARKER, "color": NEUTRAL}
        canvas.key(f"after {'MLP' if block == 'mlp' else block}", marker_key(look))


def _passed(layer: int | None, block: str) -> str:
    name = "MLP" if block == "mlp" else block
    return name if layer is None else f"{name} of layer {layer}"
