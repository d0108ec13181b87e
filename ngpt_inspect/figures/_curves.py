"""Curves over a rank or a value: one line a weight, paler in earlier layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures._grid import Cell
from ngpt_inspect.figures._layers import place
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Style, normalized_layer, whole
from ngpt_inspect.figures._theme import faded
from ngpt_inspect.vocabulary import Role

if TYPE_CHECKING:
    import pandas as pd

RANK_AXIS = "normalized rank"
PALEST = 0.3
"""Opacity of the first layer; the last is opaque."""
WIDTH = 1.3
MANY = 2
"""More curves than this of one weight role and checkpoint are thinned."""


def draw_rank_curve(panels: Panels, cell: Cell, role: Role, quantity: str, name: str) -> None:
    """Draw `quantity`_quantile against normalized rank, 0 the smallest value."""
    for style in panels.rows.styles:
        curves = list(_by_weight(panels.rows.get(style, role, f"{quantity}_quantile")))
        for rows in curves:
            kept = rows[rows["index"].map(_kept)] if len(curves) > MANY else rows
            x = [int(index) / 1000 for index in kept["index"]]
            _draw(panels, cell, style, role, kept, x, list(kept["value"]), name)


def draw_in_order(panels: Panels, cell: Cell, role: Role, quantity: str, name: str) -> None:
    """Draw `quantity` of each index over 1, 2, 3, ... in the order of the table."""
    for style in panels.rows.styles:
        for index, rows in panels.rows.get(style, role, quantity).groupby("index"):
            values = list(rows["value"])
            x = [float(place) for place in range(1, len(values) + 1)]
            _draw(panels, cell, style, role, rows, x, values, f"{name}, token {index}")


def draw_density(panels: Panels, cell: Cell, role: Role, quantity: str, name: str) -> None:
    """Draw `quantity`_density over `quantity`_density_at."""
    for style in panels.rows.styles:
        places = _by_weight(panels.rows.get(style, role, f"{quantity}_density_at"))
        heights = _by_weight(panels.rows.get(style, role, f"{quantity}_density"))
        for left, rows in zip(places, heights, strict=True):
            _draw(panels, cell, style, role, rows, list(left["value"]), list(rows["value"]), name)


def draw_bins(panels: Panels, cell: Cell, role: Role, quantity: str, name: str) -> None:
    """Draw `quantity`_bin_count as steps over `quantity`_bin_left.

    Bins differ in width from checkpoint to checkpoint, so counts become shares per unit of x:
    a change of unit, not a statistic.
    """
    for style in panels.rows.styles:
        edges = list(panels.rows.get(style, role, f"{quantity}_bin_left")["value"])
        rows = panels.rows.get(style, role, f"{quantity}_bin_count")
        if len(edges) < 2:
            continue
        width = edges[1] - edges[0]
        unit = sum(rows["value"]) * width
        heights = [count / unit for count in rows["value"]]
        x, y = [edges[0], *edges, edges[-1] + width], [0.0, *heights, 0.0]
        _draw(panels, cell, style, role, rows, x, y, name, shape="hv")


def draw_histogram(
    panels: Panels, cell: Cell, role: Role, quantity: str, name: str, *, log: bool = False
) -> None:
    """Draw `quantity`_bin_count over `quantity`_bin_left, as parts of the largest count.

    Every histogram is as high as any other, whatever its bins: values that are all the same
    (norms of nGPT) are a vertical line beside those that spread. `log`: bins of equal ratio.
    """
    for style in panels.rows.styles:
        edges = list(panels.rows.get(style, role, f"{quantity}_bin_left")["value"])
        rows = panels.rows.get(style, role, f"{quantity}_bin_count")
        if not edges:
            continue
        last = _last_edge(edges, log=log)
        heights = [count / max(rows["value"]) for count in rows["value"]]
        x, y = [edges[0], *edges, last], [0.0, *heights, 0.0]
        _draw(panels, cell, style, role, rows, x, y, name, shape="hv")


def _last_edge(edges: Sequence[float], *, log: bool) -> float:
    """Return where the last of these equal bins ends; a single one has no width."""
    if len(edges) == 1:
        return edges[0]
    return edges[-1] * edges[1] / edges[0] if log else edges[-1] + edges[1] - edges[0]


def _draw(
    panels: Panels,
    cell: Cell,
    style: Style,
    role: Role,
    rows: pd.DataFrame,
    x: Sequence[float],
    y: Sequence[float],
    name: str,
    *,
    shape: str = "linear",
) -> None:
    import plotly.graph_objects as go

    first = rows.iloc[0].to_dict()
    where = place(role, first)
    reason = f"<br>{first['reason']}" if first["reason"] else ""
    hover = f"<b>{style.label}</b><br>{where}<br>{name}<br>%{{x:.4g}}, %{{y:.4g}}{reason}"
    drawable = [math.isfinite(v) and (v > 0 or cell not in panels.log) for v in y]
    trace = go.Scatter(
        x=list(x),
        y=[value if ok else None for value, ok in zip(y, drawable, strict=True)],
        mode="lines",
        line={
            "color": faded(style.color, _depth(panels, style, first)),
            "dash": style.dash,
            "width": WIDTH,
            "shape": shape,
            "simplify": False,
        },
        hovertemplate=f"{hover}<extra></extra>",
        meta=f"{role} {name}",
    )
    panels.add(cell, style, trace, [v for v, ok in zip(y, drawable, strict=True) if ok])
    for mark, at in _outside(x, y, log=cell in panels.log):
        text = f"<b>{style.label}</b><br>{where}<br>{name}: {mark} from here to the end"
        panels.at_edge(cell, at, mark, style, text)


def _outside(x: Sequence[float], y: Sequence[float], *, log: bool) -> Iterator[tuple[str, float]]:
    """Yield one mark for each kind of value a curve cannot show, at its inner end."""
    zero = [at for at, value in zip(x, y, strict=True) if value == 0 and log]
    infinite = [at for at, value in zip(x, y, strict=True) if math.isinf(value)]
    missing = [at for at, value in zip(x, y, strict=True) if math.isnan(value)]
    yield from [("zero", max(zero))] if zero else []
    yield from [("infinite", min(infinite))] if infinite else []
    yield from [("skipped", min(missing))] if missing else []


def _by_weight(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cut rows into one piece a weight: layer and expert."""
    for _, one in rows.groupby(["layer", "expert"], dropna=False):
        yield one


def _depth(panels: Panels, style: Style, row: dict[Any, Any]) -> float:
    layer = whole(row["layer"])
    if layer is None or panels.rows.layer is not None:
        return 1.0
    return PALEST + (1 - PALEST) * normalized_layer(layer, style.n_layers)


def _kept(index: int) -> bool:
    """Keep both ends of a rank curve whole and every fifth per mille between."""
    return index <= 10 or index >= 990 or index % 5 == 0
