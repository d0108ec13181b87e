"""Heat maps of layer by head: coloured cells, each of which can be pointed at and clicked."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.figures._cut_table import CutTable, Style, whole
from ngpt_inspect.figures.canvas import NEUTRAL, Axis, Panel, Trace, heatmap, marker, scatter
from ngpt_inspect.figures.drawing.board import Board
from ngpt_inspect.figures.drawing.layers import hover_text, identity
from ngpt_inspect.vocabulary import Role, Series, Status

A_LAYER = 9
"""Pixels of one layer."""
CHOSEN = "#e0218a"
"""Rim of the cell that was clicked: no colour of the scale."""


@dataclass(frozen=True, kw_only=True)
class CellColumn:
    """One column of a heat map: a head, or a matrix as a whole."""

    role: Role
    expert: int | None
    head: int | None
    rows: list[dict[Any, Any]]
    """One a layer: measured, or skipped and why."""

    @property
    def name(self) -> str:
        """What is written below it."""
        name = self.role.facts.symbol if self.head is None else str(self.head)
        return name if self.expert is None else f"{name} {self.expert}"


def map_height(layers: Iterable[int], least: int = 118, most: int = 260) -> int:
    """Return the pixels of a panel for models of so many layers."""
    return min(max(least, A_LAYER * max(layers, default=1)), most)


def layers_up(n_layers: int) -> Axis:
    """Return the y axis of a map: the first layer at the bottom."""
    return named_axis("layer", map(str, range(n_layers)))


def named_axis(title: str, names: Iterable[str]) -> Axis:
    """Return an axis of cells, each with its name."""
    return Axis(title=title, names=tuple(names), grid=False)


def columns_of(rows: CutTable, style: Style, role: Role, quantity: str) -> list[CellColumn]:
    """Return the columns of one role: its heads, or the whole matrix (of each expert)."""
    measured = rows.get(style, role, Series(quantity))
    of_head = measured["head"].notna()
    measured = measured[of_head] if of_head.any() else measured
    skips = rows.skips(style, role)
    skips = skips[skips["layer"].notna()].drop_duplicates(["layer", "expert"])
    columns = []
    for (expert, head), found in measured.groupby(["expert", "head"], dropna=False):
        place = {"expert": whole(expert), "head": whole(head)}
        seen = set(found["layer"])
        missing = [
            row | place
            for row in skips.to_dict("records")
            if row["layer"] not in seen and whole(row["expert"]) == place["expert"]
        ]
        columns.append(CellColumn(role=role, rows=[*found.to_dict("records"), *missing], **place))
    return columns


def draw_cells(
    board: Board, panel: Panel, style: Style, columns: Sequence[CellColumn], name: str
) -> None:
    """Fill a panel: columns side by side, the first layer at the bottom, log10 as a colour."""
    placed = [(float(x), column, row) for x, column in enumerate(columns) for row in column.rows]
    x = [at for at, _, _ in placed]
    y = [float(row["layer"]) for _, _, row in placed]
    values = [float(row["value"]) for _, _, row in placed]
    board.color(values)
    tiles = heatmap(
        x=x,
        y=y,
        z=[math.log10(v) if math.isfinite(v) and v > 0 else None for v in values],
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
        hoverinfo="skip",
        meta=f"{columns[0].role} {name}",
    )
    board.draw(panel, style, tiles)
    for mark in MARK_OF:
        at = [n for n, (_, _, row) in enumerate(placed) if row["status"] == mark]
        if at:
            board.draw(panel, style, _marks(board, mark, [x[n] for n in at], [y[n] for n in at]))
    # Browsers select points, not tiles: a clear square lies on each, and the chosen has a rim.
    targets = scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"symbol": "square", "size": 11, "color": CHOSEN, "opacity": 0},
        selected={"marker": {"opacity": 0.9, "color": CHOSEN}},
        unselected={"marker": {"opacity": 0}},
        customdata=[identity(style, column.role, row) for _, column, row in placed],
        hovertext=[hover_text(style, column.role, row, name) for _, column, row in placed],
        hoverinfo="text",
        meta=f"{columns[0].role} cells",
    )
    board.draw(panel, style, targets)


MARK_OF = {
    Status.RANK_DEFICIENT: "infinite",
    Status.BELOW_RESOLUTION: "below_resolution",
    Status.SKIPPED: "skipped",
}


def _marks(board: Board, status: Status, x: Sequence[float], y: Sequence[float]) -> Trace:
    """Return the marks of cells that are not plain numbers; readable on every colour."""
    look = marker(board.symbol(MARK_OF[status]), NEUTRAL, 6, 1.2)
    if status is Status.BELOW_RESOLUTION:
        look |= {"symbol": look["symbol"].removesuffix("-open"), "color": "#ffffff"}
        look["line"] |= {"color": "#222222"}
    return scatter(
        x=x,
        y=y,
        mode="markers",
        marker=look,
        unselected={"marker": {"opacity": 1}},
        hoverinfo="skip",
        meta=MARK_OF[status],
    )


def framed(figure: Any, layer: int, role: str, head: int | None = None) -> Any:
    """Return a copy of a heat map with a frame around the cells of one matrix."""
    out = type(figure)(figure)
    for trace in figure.data:
        for x, y, told in zip(trace.x or (), trace.y or (), trace.customdata or (), strict=False):
            if (told[1], told[2]) == (layer, role) and told[3] in (None, head):
                box = {"x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5}
                line = {"color": CHOSEN, "width": 2.5}
                out.add_shape(type="rect", xref=trace.xaxis, yref=trace.yaxis, line=line, **box)
    return out
