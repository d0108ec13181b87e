"""Single numbers as dots: named ones, one a line; those of embeddings beside their tolerance."""

from collections.abc import Mapping, Sequence

from ngpt_inspect.figures.canvas import Panel, across, scatter
from ngpt_inspect.figures.drawing.board import Board
from ngpt_inspect.figures.drawing.layers import hover_text
from ngpt_inspect.vocabulary import Role, Series


def draw_scalars(board: Board, panel: Panel, role: Role, names: Mapping[str, str]) -> None:
    """Draw scalars as dots: quantity -> its name on the y axis."""
    for style in board.rows.styles:
        found = [board.rows.get(style, role, Series(quantity)) for quantity in names]
        rows = [row for each in found for row in each.to_dict("records")]
        trace = scatter(
            x=[row["value"] for row in rows],
            y=[panel.y.names.index(names[row["measure"]]) for row in rows],
            mode="markers",
            marker={"color": style.color, "size": 8, "opacity": 0.85},
            hovertext=[hover_text(style, role, row, names[row["measure"]]) for row in rows],
            hoverinfo="text",
            meta=f"{role} scalars",
        )
        if rows:
            board.draw(panel, style, trace)


def draw_level(
    board: Board, panel: Panel, role: Role, quantity: str, name: str = "tolerance"
) -> None:
    """Draw a level of each checkpoint across the panel, once where they agree."""
    drawn: set[float] = set()
    ends = [0, max(len(panel.x.names) - 1, 1)]
    for style in board.rows.styles:
        for value in sorted(set(board.rows.get(style, role, Series(quantity))["value"]) - drawn):
            drawn.add(value)
            said = {"hovertext": f"{name} {value:.2g}", "hoverinfo": "text"}
            board.draw(panel, style, across(ends, value).update(meta=f"{role} {name}", **said))


def draw_beside(
    board: Board, panel: Panel, roles: Sequence[Role], quantity: str, name: str
) -> None:
    """Draw the one value of each of these roles, side by side."""
    for style in board.rows.styles:
        for x, role in enumerate(roles):
            for row in board.rows.get(style, role, Series(quantity)).to_dict("records"):
                hover = hover_text(style, role, row, name)
                value = float(row["value"])
                if value <= 0 and panel.y.log:
                    board.mark(panel, x, "zero", style, hover)
                    continue
                trace = scatter(
                    x=[x],
                    y=[value],
                    mode="markers",
                    marker={"color": style.color, "size": 7},
                    hovertext=[hover],
                    hoverinfo="text",
                    meta=f"{role} {name}",
                )
                board.draw(panel, style, trace)
