"""Figures of curves over a rank, a panel a role: each is a declaration of what is drawn."""

from collections.abc import Callable, Mapping, Sequence

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.canvas.panels import HEIGHT
from ngpt_inspect.figures.drawing.board import Board, rank_axis, role_panels, value_axis
from ngpt_inspect.figures.drawing.curves import draw_in_order, draw_rank_curve
from ngpt_inspect.vocabulary import EMBEDDINGS, Series

ONE_ROW = 170
"""Pixels of the panels of a figure that has one row of them."""


def rank_curves(quantities: Mapping[str, str]) -> Callable[..., Drawing]:
    """Return how a figure draws its table: a row a quantity, a panel for each embedding.

    Parameters
    ----------
    quantities
        Quantities that have rank curves, and what the y axis says of them.
    """

    def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
        rows = CutTable(table, [Series(quantity, "quantile") for quantity in quantities])
        roles, x = rows.present(EMBEDDINGS), rank_axis()
        lines = {each: role_panels(roles, x, value_axis(y)) for each, y in quantities.items()}
        board = _board(rows, [list(line.values()) for line in lines.values()], width)
        for quantity, line in lines.items():
            for role, panel in line.items():
                draw_rank_curve(board, panel, role, quantity, quantities[quantity])
        return board.finish()

    return draw


def curves_in_order(quantity: str, x: str, y: str) -> Callable[..., Drawing]:
    """Return how a figure draws the rows of a quantity in their order, a curve an index."""

    def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
        rows = CutTable(table, [Series(quantity)])
        panels = role_panels(rows.present(EMBEDDINGS), Axis(title=x), value_axis(y))
        board = _board(rows, [list(panels.values())], width)
        for role, panel in panels.items():
            draw_in_order(board, panel, role, quantity, y)
        return board.finish()

    return draw


def _board(rows: CutTable, groups: Sequence[Sequence[Panel]], width: int) -> Board:
    height = ONE_ROW if len(groups) == 1 else HEIGHT
    return Board(rows, EMBEDDINGS, groups, width, height=height)
