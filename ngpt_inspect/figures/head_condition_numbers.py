"""A heat map of the condition numbers by layer and head: which head loses rank."""

from collections.abc import Callable, Sequence
from functools import cache

from ngpt_inspect.figures._cut_table import CutTable, Style
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.canvas.text import colored
from ngpt_inspect.figures.drawing.board import Board
from ngpt_inspect.figures.drawing.cells import (
    CellColumn,
    columns_of,
    draw_cells,
    map_height,
    named_axis,
)
from ngpt_inspect.figures.drawing.choices import ROLES, roles_named
from ngpt_inspect.vocabulary import Role, Series

KAPPA = "condition_number"


def draw(table: Frame, *, width: int = TWO_COLUMNS, role: str = "attention") -> Drawing:
    """Draw one panel a checkpoint and matrix: heads across, layers up, κ as a colour.

    The colour is logarithmic and means the same in all panels. Matrices without heads share a
    panel, a column each. A cell of lost rank (κ infinite), one the stored dtype cannot resolve
    and one that was not measured bear a mark; a cell that is not there stays empty. Every cell
    can be clicked: its customdata is checkpoint, layer, role, head, step, expert.
    """
    rows = CutTable(table, [Series(KAPPA)])
    axis = cache(named_axis)  # panels of the same heads or layers have the same axis
    found = [
        [
            (style, columns, _panel(style, columns, axis))
            for columns in _columns(rows, style, roles_named(role))
        ]
        for style in rows.styles
    ]
    height = map_height(style.n_layers for line in found for style, *_ in line)
    groups = [[panel for *_, panel in line] for line in found]
    board = Board(rows, roles_named(role), groups, width, height=height, named_above=True)
    board.color_title = "condition number κ"
    for style, columns, panel in (each for line in found for each in line):
        draw_cells(board, panel, style, columns, "κ")
    return board.finish()


def _panel(
    style: Style, columns: Sequence[CellColumn], axis: Callable[[str, tuple[str, ...]], Axis]
) -> Panel:
    heads = "" if columns[0].head is None else "head"
    return Panel(
        title=_title(style, columns),
        x=axis(heads, tuple(column.name for column in columns)),
        y=axis("layer", tuple(map(str, range(style.n_layers)))),
    )


def _columns(rows: CutTable, style: Style, roles: Sequence[Role]) -> list[list[CellColumn]]:
    """Return the columns of each panel: one a matrix with heads, one for all that have none."""
    by_role = [columns_of(rows, style, role, KAPPA) for role in roles]
    split = [columns for columns in by_role if columns and columns[0].head is not None]
    whole = [each for columns in by_role for each in columns if each.head is None]
    return [*split, whole] if whole else split


def _title(style: Style, columns: Sequence[CellColumn]) -> str:
    """Return checkpoint, in its colour, and matrix."""
    name = colored(style.label, style.color)
    whole = columns[0].head is None
    return f"{name}  {'whole matrices' if whole else columns[0].role.facts.symbol}"


FIGURE = Figure(
    name="head_condition_numbers",
    title="Condition numbers by layer and head",
    summary="κ = σ_max / σ_min of every head as a colour, heads across and layers up, one "
    "logarithmic scale for all panels. Marks: lost rank, below the stored dtype, not measured.",
    needs=("condition_numbers",),
    draw=draw,
    options=(ROLES,),
    formula="κ = σ_max / σ_min, the largest over the smallest singular value, in float64 of the "
    "exact stored values; of each head's block in attention, of the whole matrix in the MLP.",
    source="arXiv 2410.01131, Figure 5, head by head (not a figure of the paper)",
)
