"""A heat map of what changed between checkpoints: layers up, matrices across."""

from ngpt_inspect.figures._cut_table import CutTable, Style
from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame, Panel
from ngpt_inspect.figures.canvas.text import colored
from ngpt_inspect.figures.drawing.board import Board
from ngpt_inspect.figures.drawing.cells import (
    CellColumn,
    columns_of,
    draw_cells,
    layers_up,
    map_height,
    named_axis,
)
from ngpt_inspect.vocabulary import Kind, Series, roles_of

NAMES = {
    "angle": "angle in degrees",
    "relative_change": "relative change",
    "change_rank_share": "effective rank of the change over min(m, n)",
    "angle_per_rate": "degrees per unit of learning rate",
}
ROLES = roles_of(Kind.MATRIX)
MOST_PAIRS = 6
"""Panels: of a long run the last comparisons."""


def draw(table: Frame, *, width: int = TWO_COLUMNS, of: str = "angle") -> Drawing:
    """Draw one panel a comparison, named for the later checkpoint: matrices across, layers up.

    The colour is logarithmic and means the same in all panels; a matrix that did not change has
    none. A mark stands where storage rounding may have made the change, or nothing was compared.
    """
    rows = CutTable(table, [Series(of)])
    columns = {style.key: _columns(rows, style, of) for style in rows.styles}
    changed = [style for style in rows.styles if columns[style.key]]
    shown = changed[-MOST_PAIRS:]
    height = map_height(style.n_layers for style in shown)
    panels = [_panel(style, columns[style.key]) for style in shown]
    rows.styles = shown  # the first was compared with nothing, and of a long run not all is drawn
    pairs = [panels[at : at + 2] for at in range(0, len(panels), 2)]
    board = Board(rows, rows.present(ROLES), pairs, width, height=height, named_above=True)
    board.color_title = NAMES[of]
    for style, panel in zip(shown, panels, strict=True):
        draw_cells(board, panel, style, columns[style.key], NAMES[of])
    if len(changed) > MOST_PAIRS:
        board.notes.append(f"The last {MOST_PAIRS} of {len(changed)} comparisons.")
    return board.finish()


def _columns(rows: CutTable, style: Style, of: str) -> list[CellColumn]:
    return [each for role in rows.present(ROLES) for each in columns_of(rows, style, role, of)]


def _panel(style: Style, columns: list[CellColumn]) -> Panel:
    return Panel(
        title=colored(style.label, style.color),
        x=named_axis("", (column.name for column in columns)),
        y=layers_up(style.n_layers),
    )


FIGURE = Figure(
    name="changes",
    title="What changed between checkpoints",
    summary="Angle, relative change or rank of the change of every matrix as a colour, matrices "
    "across and layers up, a panel for each checkpoint and the one before it.",
    results="changes",
    draw=draw,
    options=(Choice(name="of", values=tuple(NAMES), help="Which quantity."),),
    formula="angle of W before and after as long vectors; ‖ΔW‖ / ‖W‖; exp of the entropy of the "
    "singular values of ΔW over their number.",
    source="angles between subspaces: Björck and Golub, doi 10.1090/S0025-5718-1973-0348991-3, "
    "theorem 1; not a figure of arXiv 2410.01131",
)
