"""The values of one tensor, drawn: their histogram, and its singular values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Canvas, Panel, scatter
from ngpt_inspect.figures.canvas.screen import for_screen

from ...engine.sent import Sent

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 150


def draw_values(values: pd.DataFrame, color: str, *, dark: bool) -> Any:
    """Return a figure of one or two panels."""
    kinds = dict(list(values.groupby("kind")))
    panels = {}
    if "bin" in kinds:
        y = Axis(title="values in a bin", from_zero=True)
        panels["bin"] = Panel(title="values as stored", x=Axis(title="value"), y=y)
    if "singular" in kinds:
        log = bool((kinds["singular"]["y"] > 0).any())
        y = Axis(title="singular value σ", log=log)
        panels["singular"] = Panel(title="singular values", x=Axis(title="rank"), y=y)
    canvas = Canvas([list(panels.values())], TWO_COLUMNS, height=HEIGHT)
    for kind, panel in panels.items():
        rows = kinds[kind]
        shape = "hv" if kind == "bin" else "linear"
        trace = scatter(
            x=rows["x"].tolist(),
            y=[value if value > 0 or not panel.y.log else None for value in rows["y"]],
            mode="lines" if len(rows) > 1 else "markers",
            line={"color": color, "width": 1.4, "shape": shape},
            marker={"color": color},
            hovertemplate="%{x:.4g}: %{y:.4g}<extra></extra>",
        )
        canvas.add(panel, trace)
    return Sent(for_screen(canvas.finish(), dark=dark), clicked=False)
