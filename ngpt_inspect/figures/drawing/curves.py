"""Curves over a rank or a value: one line a weight, paler in earlier layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ngpt_inspect.figures._cut_table import Style, normalized_layer, whole
from ngpt_inspect.figures.canvas import DOTTED, NEUTRAL, Frame, Panel, faded, line_key, scatter
from ngpt_inspect.figures.drawing.board import Board
from ngpt_inspect.figures.drawing.layers import place
from ngpt_inspect.later.numpy import np
from ngpt_inspect.vocabulary import Role, Series

PALEST = 0.3
"""Opacity of the first layer; the last is opaque."""
WIDTH = 1.3
MANY = 2
"""More curves than this of one weight role and checkpoint are thinned."""


def draw_rank_curve(board: Board, panel: Panel, role: Role, quantity: str, name: str) -> None:
    """Draw the quantiles of a quantity against normalized rank, 0 the smallest value."""
    for style in board.rows.styles:
        curves = list(_by_weight(board.rows.get(style, role, Series(quantity, "quantile"))))
        for rows in curves:
            rank, values = _column(rows, "index"), _column(rows, "value")
            kept = _kept(rank) if len(curves) > MANY else slice(None)
            _draw(board, panel, style, role, rows, rank[kept] / 1000, values[kept], name)


def draw_values(
    board: Board, panel: Panel, style: Style, role: Role, rows: Frame, name: str
) -> None:
    """Draw single values over their place, 1 the first; one curve a weight."""
    for one in _by_weight(rows):
        place, values = _column(one, "index") + 1, _column(one, "value")
        _draw(board, panel, style, role, one, place, values, name)


def draw_in_order(board: Board, panel: Panel, role: Role, quantity: str, name: str) -> None:
    """Draw `quantity` of each index over 1, 2, 3, ... in the order of the table."""
    for style in board.rows.styles:
        for index, rows in board.rows.get(style, role, Series(quantity)).groupby("index"):
            values = _column(rows, "value")
            places = np.arange(1, len(values) + 1, dtype=float)
            _draw(board, panel, style, role, rows, places, values, f"{name}, token {index}")


def draw_density(
    board: Board, panel: Panel, role: Role, quantity: str, name: str, *, least: float = -math.inf
) -> None:
    """Draw the density of a quantity over where it was taken; nothing below what it can be."""
    for style in board.rows.styles:
        places = _by_weight(board.rows.get(style, role, Series(quantity, "density_at")))
        heights = _by_weight(board.rows.get(style, role, Series(quantity, "density")))
        for left, rows in zip(places, heights, strict=True):
            at, height = _column(left, "value"), _column(rows, "value")
            held = at >= least
            _draw(board, panel, style, role, rows, at[held], height[held], name)


def draw_law(board: Board, panel: Panel, role: Role, quantity: str, name: str) -> None:
    """Draw the density of something to compare with as a dotted line, once where it is the same."""
    drawn: set[float] = set()
    for style in board.rows.styles:
        at = _column(board.rows.get(style, role, Series(quantity, "density_at")), "value")
        height = _column(board.rows.get(style, role, Series(quantity, "density")), "value")
        if not len(at) or at[-1] in drawn:
            continue
        drawn.add(at[-1])
        said = {"name": name, "hovertemplate": f"{name}<br>%{{x:.4g}}, %{{y:.4g}}<extra></extra>"}
        line = scatter(x=at, y=height, mode="lines", line=DOTTED, meta=f"{role} {name}", **said)
        board.add(panel, line)
        board.key(name, line_key(**DOTTED), meta="key")


def draw_histogram(
    board: Board, panel: Panel, role: Role, quantity: str, name: str, *, per_unit: bool = False
) -> None:
    """Draw the histogram of a quantity as steps, its counts as parts of the largest.

    Every histogram is as high as any other, whatever its bins: values that are all the same
    (norms of nGPT) are a vertical line beside those that spread. On a logarithmic axis bins are of
    equal ratio. `per_unit`: counts are shares per unit of x instead, as bins differ in width from
    checkpoint to checkpoint: a change of unit, not a statistic.
    """
    for style in board.rows.styles:
        edges = _column(board.rows.get(style, role, Series(quantity, "bin_left")), "value")
        rows = board.rows.get(style, role, Series(quantity, "bin_count"))
        if len(edges) < (2 if per_unit else 1):
            continue
        counts = _column(rows, "value")
        whole = counts.sum() * (edges[1] - edges[0]) if per_unit else counts.max()
        x, y = _outline(edges, _last_edge(edges, log=panel.x.log), counts / whole)
        _draw(board, panel, style, role, rows, x, y, name, shape="hv")


def _last_edge(edges: np.ndarray, *, log: bool) -> float:
    """Return where the last of these equal bins ends; a single one has no width."""
    if len(edges) == 1:
        return float(edges[0])
    return float(edges[-1] * edges[1] / edges[0] if log else edges[-1] + edges[1] - edges[0])


def _outline(edges: np.ndarray, last: float, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the steps of a histogram that begin and end on the ground."""
    return np.array([edges[0], *edges, last]), np.array([0.0, *heights, 0.0])


def _column(rows: Frame, name: str) -> np.ndarray:
    return rows[name].to_numpy(dtype=float)


def _draw(
    board: Board,
    panel: Panel,
    style: Style,
    role: Role,
    rows: Frame,
    x: np.ndarray,
    y: np.ndarray,
    name: str,
    *,
    shape: str = "linear",
) -> None:
    first = rows.iloc[0].to_dict()
    where = place(role, first)
    reason = f"<br>{first['reason']}" if first["reason"] else ""
    hover = f"<b>{style.label}</b><br>{where}<br>{name}<br>%{{x:.4g}}, %{{y:.4g}}{reason}"
    drawable = np.isfinite(y) & ((y > 0) | (not panel.y.log))
    depth = _depth(board, style, first)
    if depth < 1:
        pale = line_key(faded(NEUTRAL, (1 + PALEST) / 2), width=WIDTH)
        board.key("each layer, the earlier the paler", pale, meta="key")
    trace = scatter(
        x=x,
        y=np.where(drawable, y, np.nan),
        mode="lines",
        line={
            "color": faded(style.color, depth),
            "dash": style.dash,
            "width": WIDTH,
            "shape": shape,
            "simplify": False,
        },
        hovertemplate=f"{hover}<extra></extra>",
        meta=f"{role} {name}",
    )
    board.draw(panel, style, trace, y[drawable])
    for mark, at in _outside(x, y, log=panel.y.log):
        text = f"<b>{style.label}</b><br>{where}<br>{name}: {mark} from here to the end"
        board.mark(panel, at, mark, style, text)


def _outside(x: np.ndarray, y: np.ndarray, *, log: bool) -> Iterator[tuple[str, float]]:
    """Yield one mark for each kind of value a curve cannot show, at its inner end."""
    zero, infinite, missing = x[(y == 0) & log], x[np.isinf(y)], x[np.isnan(y)]
    yield from [("zero", float(zero.max()))] if zero.size else []
    yield from [("infinite", float(infinite.min()))] if infinite.size else []
    yield from [("skipped", float(missing.min()))] if missing.size else []


def _by_weight(rows: Frame) -> Iterator[Frame]:
    """Cut rows into one piece a weight: layer and expert."""
    for _, one in rows.groupby(["layer", "expert"], dropna=False):
        yield one


def _depth(board: Board, style: Style, row: dict[Any, Any]) -> float:
    layer = whole(row["layer"])
    if layer is None or board.rows.layer is not None:
        return 1.0
    return PALEST + (1 - PALEST) * normalized_layer(layer, style.n_layers)


def _kept(rank: np.ndarray) -> np.ndarray:
    """Keep both ends of a rank curve whole and every fifth per mille between."""
    kept: np.ndarray = (rank <= 10) | (rank >= 990) | (rank % 5 == 0)
    return kept
