"""One value a layer: a line with its band, and a mark for every value that is not plain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures._grid import Cell
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Style, normalized_layer, whole
from ngpt_inspect.figures._theme import faded
from ngpt_inspect.vocabulary import Role, Status

if TYPE_CHECKING:
    import pandas as pd

LAYER_AXIS = "normalized layer index"

Bound = tuple[str, int | None]
"""A quantity and, for a rank curve, the index to take of it."""


def between(quantity: str, low: str, high: str) -> tuple[Bound, Bound]:
    """Return the band between two summaries of a quantity, named by their suffixes."""
    return (f"{quantity}_{low}", None), (f"{quantity}_{high}", None)


def quartiles_of(quantity: str) -> tuple[Bound, Bound]:
    """Return the quartiles of a quantity, as its rank curve holds them."""
    return (f"{quantity}_quantile", 250), (f"{quantity}_quantile", 750)


def draw_by_layer(
    panels: Panels,
    cell: Cell,
    role: Role,
    quantity: str,
    *,
    name: str,
    band: tuple[Bound, Bound] | None = None,
    dash: str | None = None,
) -> None:
    """Draw one line a checkpoint (and expert) through its layers, and a band around it.

    `dash` is for a line that is not the checkpoint as it is; else its own.

    A value that is infinite, zero on a logarithmic axis or missing is marked at the edge of the
    panel; one the stored dtype cannot resolve is hollow. The reason is in the hover text.
    """
    for style in panels.rows.styles:
        if band is not None:
            for layers in _by_expert(_band_rows(panels, style, role, band)):
                _draw_band(panels, cell, style, layers)
        measured = panels.rows.get(style, role, quantity)
        for rows in _by_expert(measured):
            _draw_line(panels, cell, style, role, rows, name, dash or style.dash)
        skips = panels.rows.skips(style, role).drop_duplicates(["layer", "expert"])
        for row in skips.to_dict("records"):
            layer = whole(row["layer"])
            if layer is not None and layer not in set(measured["layer"]):
                at = normalized_layer(layer, style.n_layers)
                panels.at_edge(cell, at, "skipped", style, hover_text(style, role, row, name))


def _draw_line(
    panels: Panels,
    cell: Cell,
    style: Style,
    role: Role,
    rows: pd.DataFrame,
    name: str,
    dash: str,
) -> None:
    import plotly.graph_objects as go

    x = [normalized_layer(int(layer), style.n_layers) for layer in rows["layer"]]
    values = [float(value) for value in rows["value"]]
    hover = [hover_text(style, role, row, name) for row in rows.to_dict("records")]
    symbols = [
        panels.symbol(status) if status in (Status.BELOW_RESOLUTION, Status.SAMPLED) else "circle"
        for status in rows["status"]
    ]
    for at, value, text in zip(x, values, hover, strict=True):
        if not math.isfinite(value):
            panels.at_edge(cell, at, "skipped" if math.isnan(value) else "infinite", style, text)
        elif value <= 0 and cell in panels.log:
            panels.at_edge(cell, at, "zero", style, text)
    trace = go.Scatter(
        x=x,
        y=[value if math.isfinite(value) else None for value in values],
        mode="lines+markers",
        line={"color": style.color, "dash": dash, "width": 1.5},
        marker={
            "symbol": symbols,
            "size": 4.5 if dash == style.dash else 3,
            "color": style.color,
            "line": {"color": style.color, "width": 1.2},
        },
        hovertext=hover,
        hoverinfo="text",
        meta=f"{role} {name}",
    )
    panels.add(cell, style, trace, values)


def _draw_band(panels: Panels, cell: Cell, style: Style, layers: pd.DataFrame) -> None:
    import plotly.graph_objects as go

    x = [normalized_layer(int(layer), style.n_layers) for layer in layers["layer"]]
    low, high = [float(v) for v in layers["low"]], [float(v) for v in layers["high"]]
    trace = go.Scatter(
        x=[*x, *reversed(x)],
        y=[*low, *reversed(high)],
        fill="toself",
        fillcolor=faded(style.color, 0.18),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        meta="band",
    )
    panels.add(cell, style, trace, [*low, *high])


def _band_rows(panels: Panels, style: Style, role: Role, band: tuple[Bound, Bound]) -> pd.DataFrame:
    """Return layer, expert, low and high where both bounds are numbers."""
    low, high = (_bound(panels, style, role, bound) for bound in band)
    keys = ["layer", "expert"]
    both = low.merge(high, on=keys, suffixes=("_low", "_high")).sort_values(keys)
    both = both.rename(columns={"value_low": "low", "value_high": "high"})
    return both.dropna(subset=["low", "high"])


def _bound(panels: Panels, style: Style, role: Role, bound: Bound) -> pd.DataFrame:
    quantity, index = bound
    rows = panels.rows.get(style, role, quantity)
    rows = rows if index is None else rows[rows["index"] == index]
    return rows[["layer", "expert", "value"]]


def _by_expert(rows: pd.DataFrame) -> list[pd.DataFrame]:
    rows = rows[rows["layer"].notna()]
    return [one for _, one in rows.groupby("expert", dropna=False)]


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


def place(role: Role, row: dict[Any, Any]) -> str:
    """Name the matrix or vector: role, layer, expert."""
    numbers = {part: whole(row[part]) for part in ("layer", "expert")}
    named = [f"{part} {number}" for part, number in numbers.items() if number is not None]
    return ", ".join([role.facts.symbol, *named])
