"""One value a layer: a line with its band, and a mark for every value that is not plain."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from ngpt_inspect.figures._cut_table import (
    NO_STEP,
    Record,
    Style,
    normalized_layer,
    records_of,
    whole,
)
from ngpt_inspect.figures.canvas import Panel, faded, scatter
from ngpt_inspect.figures.canvas import band as filled
from ngpt_inspect.figures.drawing.board import Board
from ngpt_inspect.glossary import GLOSSARY
from ngpt_inspect.vocabulary import Role, Series, Status

THIN = 0.45
"""Opacity of the line of one head among others."""

Band = tuple[Series, Series]
"""The lower and the upper end."""
Layers = dict[int, tuple[float, float]]
"""Both ends of each layer."""


def between(quantity: str, low: str, high: str) -> Band:
    """Return the band between two statistics of a quantity."""
    return Series(quantity, low), Series(quantity, high)


def draw_by_layer(
    board: Board,
    panel: Panel,
    role: Role,
    series: Series,
    *,
    name: str,
    band: Band | None = None,
    dash: str | None = None,
    of: str = "",
) -> None:
    """Draw one line a checkpoint (and expert) through its layers, and a band around it.

    `dash` is for a line that is not the checkpoint as it is; else its own. `of` tells apart
    rows of single values: a thin line for each of the "heads", or one of the "whole" matrix.

    A value that is infinite, zero on a logarithmic axis or missing is marked at the edge of the
    panel; one the stored dtype cannot resolve is hollow. The reason is in the hover text.
    """
    for style in board.rows.styles:
        if band is not None:
            for layers in _between(board, style, role, band):
                _draw_band(board, panel, style, layers)
        measured = board.rows.records(style, role, series)
        for rows in _by("expert", _part([row for row in measured if _layered(row)], of)):
            _draw_line(board, panel, style, role, rows, name, dash or style.dash)
        there = {row["layer"] for row in measured}
        skips = board.rows.skips(style, role).drop_duplicates(["layer", "expert"])
        for row in records_of(skips):
            if _layered(row) and row["layer"] not in there:
                at = normalized_layer(row["layer"], style.n_layers)
                board.mark(panel, at, "skipped", style, hover_text(style, role, row, name))


def _draw_line(
    board: Board, panel: Panel, style: Style, role: Role, rows: list[Record], name: str, dash: str
) -> None:
    """Draw rows as one trace; between two heads the line is broken."""
    thin = any(row["head"] is not None for row in rows)
    drawn: list[Any] = []
    for one in _by("head", rows):
        drawn += [*one, None]
    drawn.pop()
    x = [row and normalized_layer(row["layer"], style.n_layers) for row in drawn]
    values = [row and float(row["value"]) for row in drawn]
    hover = [row and hover_text(style, role, row, name) for row in drawn]
    symbols = [_symbol(board, row) if row else "circle" for row in drawn]
    for at, value, text in zip(x, values, hover, strict=True):
        if value is None:
            continue
        if not math.isfinite(value):
            board.mark(panel, at, "skipped" if math.isnan(value) else "infinite", style, text)
        elif value <= 0 and panel.y.log:
            board.mark(panel, at, "zero", style, text)
    trace = scatter(
        x=x,
        y=[value if value is not None and math.isfinite(value) else None for value in values],
        mode="lines+markers",
        line={
            "color": faded(style.color, THIN) if thin else style.color,
            "dash": dash,
            "width": 0.8 if thin else 1.5,
        },
        marker={
            "symbol": symbols,
            "size": 4.5 if dash == style.dash and not thin else 3,
            "color": style.color,
            "line": {"color": style.color, "width": 0 if thin else 1.2},
        },
        customdata=[row and identity(style, role, row) for row in drawn],
        hovertext=hover,
        hoverinfo="text",
        meta=f"{role} {name}",
    )
    board.draw(panel, style, trace, [value for value in values if value is not None])


def _symbol(board: Board, row: dict[Any, Any]) -> str:
    marked = row["status"] in (Status.BELOW_RESOLUTION, Status.SAMPLED)
    return board.symbol(row["status"]) if marked else "circle"


def _layered(row: Record) -> bool:
    return row["layer"] is not None


def _part(rows: list[Record], of: str) -> list[Record]:
    """Return the rows of heads, or of whole matrices; the whole where there are no heads."""
    heads = [row for row in rows if row["head"] is not None]
    if of == "heads" and heads:
        return heads
    return [row for row in rows if row["head"] is None] if of else rows


def _draw_band(board: Board, panel: Panel, style: Style, layers: Layers) -> None:
    x = [normalized_layer(layer, style.n_layers) for layer in layers]
    low, high = ([ends[at] for ends in layers.values()] for at in (0, 1))
    board.draw(panel, style, filled(x, low, high, style.color))


def _between(board: Board, style: Style, role: Role, band: Band) -> Iterator[Layers]:
    """Yield the ends of each layer where both are numbers, an expert at a time."""
    lower, upper = (board.rows.records(style, role, end) for end in band)
    highs = {_place(row): row["value"] for row in upper}
    for rows in _by("expert", [row for row in lower if _layered(row)]):
        ends = {row["layer"]: (row["value"], highs.get(_place(row), math.nan)) for row in rows}
        known = {layer: both for layer, both in ends.items() if not any(map(math.isnan, both))}
        if known:
            yield known


def _place(row: Record) -> tuple[int | None, int | None]:
    return row["expert"], row["layer"]


def _by(part: str, rows: Iterable[Record]) -> list[list[Record]]:
    """Return rows by expert or head, what has none last."""
    found: dict[Any, list[Record]] = {}
    for row in rows:
        found.setdefault(row[part], []).append(row)
    return [found[key] for key in sorted(found, key=lambda key: (key is None, key))]


def hover_text(style: Style, role: Role, row: dict[Any, Any], name: str) -> str:
    """Return who, where, how much, and what stands behind a value that is not plain."""
    lines = [f"<b>{style.label}</b>", place(role, row)]
    value = float(row["value"])
    shown = "∞" if math.isinf(value) else "not measured" if math.isnan(value) else f"{value:.4g}"
    lines.append(f"{name} {shown}")
    if row["status"] != Status.OK or row["reason"]:
        words = str(row["status"]).replace("_", " ")
        lines.append(f"{words}: {row['reason']}" if row["reason"] else words)
    return "<br>".join(lines)


def identity(style: Style, role: Role, row: dict[Any, Any]) -> list[Any]:
    """Return what a click on a point says: checkpoint, layer, role, head, step, expert."""
    layer, head, expert = (whole(row[part]) for part in ("layer", "head", "expert"))
    step = None if style.step == NO_STEP else style.step
    return [style.checkpoint, layer, str(role), head, step, expert]


def place(role: Role, row: dict[Any, Any]) -> str:
    """Name the matrix or vector: role, layer, expert, head."""
    numbers = {part: whole(row[part]) for part in ("layer", "expert", "head")}
    named = [f"{part} {number}" for part, number in numbers.items() if number is not None]
    other = GLOSSARY[role].short if role in GLOSSARY else ""
    return ", ".join([role.facts.symbol + (f", {other}" if other else ""), *named])
