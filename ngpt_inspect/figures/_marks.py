"""The marks of values that are not plain numbers: what they look like and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Mark:
    """A plotly symbol and the words of its legend entry."""

    symbol: str
    words: str


MARKS = {
    "infinite": Mark("triangle-up-open", "infinite: rank deficient"),
    "zero": Mark("triangle-down-open", "zero: below a log axis"),
    "skipped": Mark("x-thin-open", "not measured"),
    "below_resolution": Mark("circle-open", "uncertain: storage may have moved it by a third"),
    "sampled": Mark("diamond-open", "estimated from a sample"),
}
"""The first three stand at the edge of a panel, the others at their value."""


def edge_mark(x: float, y: float, mark: str, color: str, hover: str) -> go.Scatter:
    """Return the mark of one value that its axis cannot hold."""
    import plotly.graph_objects as go

    return go.Scatter(
        x=[x],
        y=[y],
        mode="markers",
        marker=_marker(mark, color),
        cliponaxis=False,
        hovertext=[hover],
        hoverinfo="text",
        meta=mark,
    )


def key_of(mark: str, color: str) -> go.Scatter:
    """Return a trace that draws nothing and puts the mark into the legend."""
    import plotly.graph_objects as go

    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker=_marker(mark, color),
        name=MARKS[mark].words,
        hoverinfo="skip",
        meta="legend",
    )


def _marker(mark: str, color: str) -> dict[str, object]:
    line = {"color": color, "width": 1.4}
    return {"symbol": MARKS[mark].symbol, "size": 8, "color": color, "line": line}
