"""Named numbers side by side: one line a quantity, one dot a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

from ngpt_inspect.figures._grid import Cell
from ngpt_inspect.figures._layers import hover_text
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.vocabulary import Role


def draw_scalars(panels: Panels, cell: Cell, role: Role, names: Mapping[str, str]) -> None:
    """Draw scalars between 0 and 1 as dots: quantity -> its name on the y axis, from the top."""
    import plotly.graph_objects as go

    for style in panels.rows.styles:
        found = [panels.rows.get(style, role, quantity) for quantity in names]
        rows = [row for each in found for row in each.to_dict("records")]
        trace = go.Scatter(
            x=[row["value"] for row in rows],
            y=[names[row["measure"]] for row in rows],
            mode="markers",
            marker={"color": style.color, "size": 8, "opacity": 0.85},
            hovertext=[hover_text(style, role, row, names[row["measure"]]) for row in rows],
            hoverinfo="text",
            meta=f"{role} scalars",
        )
        if rows:
            panels.add(cell, style, trace)
    place = panels.place(cell)
    panels.figure.update_xaxes(range=[-0.04, 1.04], **place)
    panels.figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=list(names.values())[::-1],
        range=[-0.6, len(names) - 0.4],
        showticklabels=panels.is_first(cell),
        automargin=True,
        **place,
    )
