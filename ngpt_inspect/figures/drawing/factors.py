"""Learned vectors: by layer where each layer has one, else how its coordinates are spread."""

from collections.abc import Sequence

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Choice
from ngpt_inspect.figures.canvas import Axis, Drawing, Panel
from ngpt_inspect.figures.drawing.board import Board, layer_axis, value_axis
from ngpt_inspect.figures.drawing.curves import draw_density, draw_histogram
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import OUTSIDE_LAYERS, Kind, Role, Series

ALPHA, FACTOR = "eigen_learning_rate", "scaling_factor"
DRAWN = tuple(
    Series(quantity, statistic)
    for quantity in (ALPHA, FACTOR)
    for statistic in (
        *("abs_mean", "abs_low", "abs_high", "density", "density_at"),
        *("bin_left", "bin_count"),
    )
)
"""All that is drawn of them."""
VIEW = Choice(
    name="view",
    label="Vectors outside the layers",
    values=("density", "histogram"),
    help="A vector outside the layers (s_z): a smooth density, or its histogram.",
)


def quantity_of(role: Role) -> str:
    """Return the quantity that holds the effective values of a learned vector."""
    return ALPHA if role.facts.kind is Kind.EIGEN_LEARNING_RATE else FACTOR


def factor_panel(role: Role, view: str, layers: Axis) -> Panel:
    """Return a panel for one vector: by layer, or over its values where there is one."""
    symbol = role.facts.symbol
    if role in OUTSIDE_LAYERS:
        return Panel(title=f"{symbol}  {view}", x=Axis(title=symbol), y=value_axis())
    return Panel(title=f"mean |{symbol}|", x=layers, y=value_axis())


def draw_factors(
    rows: CutTable, roles: Sequence[Role], lines: Sequence[Sequence[Role]], width: int, view: str
) -> Drawing:
    """Draw a panel for each vector that is there: the first line above, then the others.

    `roles` are those that the figure is about.
    """
    x = layer_axis()
    panels = {role: factor_panel(role, view, x) for line in lines for role in rows.present(line)}
    groups = [[panels.get(role) for role in line] for line in lines]
    board = Board(rows, roles, groups, width)
    for role, panel in panels.items():
        draw_factor(board, panel, role, view)
    return board.finish()


def draw_factor(board: Board, panel: Panel, role: Role, view: str) -> None:
    """Draw one vector in one panel: the mean of sizes by layer with their quartiles, or a view."""
    name, quantity = panel.title.replace("  ", " "), quantity_of(role)
    if role not in OUTSIDE_LAYERS:
        band = between(quantity, "abs_low", "abs_high")
        draw_by_layer(board, panel, role, Series(quantity, "abs_mean"), name=name, band=band)
    elif view == "density":
        draw_density(board, panel, role, quantity, name)
    else:
        draw_histogram(board, panel, role, quantity, name)
