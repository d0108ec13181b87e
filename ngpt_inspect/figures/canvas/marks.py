"""Markers, and the marks of values that are not plain numbers: what they look like and mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.figures.canvas.theme import NEUTRAL, faded
from ngpt_inspect.figures.canvas.types import Trace

BAND = 0.19
"""Opacity of a filled range."""
DOTTED: dict[str, Any] = {"color": NEUTRAL, "dash": "dot", "width": 1}
"""A line of something to compare with."""


@dataclass(frozen=True)
class Mark:
    """A plotly symbol and the words of its legend entry."""

    symbol: str
    words: str
    edge: int = 0
    """Where it stands: at the upper edge of a panel (1), the lower (-1), or at its value."""


MARKS = {
    "infinite": Mark("triangle-up-open", "infinite: rank deficient", 1),
    "zero": Mark("triangle-down-open", "zero: below a log axis", -1),
    "skipped": Mark("x-thin-open", "not measured", -1),
    "diverged": Mark("x-thin-open", "diverged", 1),
    "below_resolution": Mark("circle-open", "uncertain: storage may have moved it by a third"),
    "sampled": Mark("diamond-open", "estimated from a sample"),
}


def marker(symbol: str, color: str, size: float = 8, width: float = 1.4) -> dict[str, Any]:
    """Return a marker as plotly takes it, its rim in its own colour."""
    line = {"color": color, "width": width}
    return {"symbol": symbol, "size": size, "color": color, "line": line}


def scatter(**said: Any) -> Trace:
    """Return a trace of plotly, which is imported here and not before."""
    import plotly.graph_objects as go

    return go.Scatter(**said)


def heatmap(**said: Any) -> Any:
    """Return a trace of coloured cells."""
    import plotly.graph_objects as go

    return go.Heatmap(**said)


def band(x: Sequence[float], low: Sequence[float], high: Sequence[float], color: str) -> Trace:
    """Return the filled area between two curves over x."""
    return scatter(
        x=[*x, *reversed(x)],
        y=[*low, *reversed(high)],
        fill="toself",
        fillcolor=faded(color, BAND),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        meta="band",
    )


def across(ends: Sequence[float], y: float) -> Trace:
    """Return the dotted line of something to compare with, at one height."""
    return scatter(x=ends, y=[y, y], mode="lines", line=DOTTED, hoverinfo="skip", meta="level")
