"""The panel parts only the unit-norm figure has: its dotted tolerance, and its embeddings."""

from __future__ import annotations

from collections.abc import Sequence

from ngpt_inspect.figures._grid import Cell
from ngpt_inspect.figures._layers import hover_text
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._theme import NEUTRAL
from ngpt_inspect.vocabulary import Role


def draw_tolerance(panels: Panels, cell: Cell, role: Role, quantity: str) -> None:
    """Draw the tolerance of each checkpoint across the panel, once where they agree."""
    import plotly.graph_objects as go

    drawn: set[float] = set()
    for style in panels.rows.styles:
        values = panels.rows.get(style, role, quantity)["value"]
        for value in sorted(set(values) - drawn):
            drawn.add(value)
            trace = go.Scatter(
                x=[0, 1],
                y=[value, value],
                mode="lines",
                line={"color": NEUTRAL, "dash": "dot", "width": 1},
                hovertext=f"tolerance {value:.2g}",
                hoverinfo="text",
                meta=f"{role} tolerance",
            )
            panels.add(cell, style, trace, [value])


def draw_embeddings(
    panels: Panels, cell: Cell, roles: Sequence[Role], deviation: str, tolerance: str
) -> None:
    """Draw the embeddings, which have no layer, as dots side by side in one panel."""
    import plotly.graph_objects as go

    places = dict(zip(roles, (0.0, 1.0), strict=False))
    for role in roles:
        draw_tolerance(panels, cell, role, tolerance)
    for style in panels.rows.styles:
        for role, x in places.items():
            for row in panels.rows.get(style, role, deviation).to_dict("records"):
                hover = hover_text(style, role, row, "deviation")
                value = float(row["value"])
                if value <= 0:
                    panels.at_edge(cell, x, "zero", style, hover)
                    continue
                trace = go.Scatter(
                    x=[x],
                    y=[value],
                    mode="markers",
                    marker={"color": style.color, "size": 7},
                    hovertext=[hover],
                    hoverinfo="text",
                    meta=f"{role} deviation",
                )
                panels.add(cell, style, trace, [value])
    ticks = {"tickvals": [*places.values()], "ticktext": [role.facts.symbol for role in places]}
    panels.figure.update_xaxes(range=[-0.5, 1.5], **ticks, **panels.place(cell))
