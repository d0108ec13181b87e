"""The singular values of one matrix, of one of its heads and of the whole."""

from ngpt_inspect.figures._cut_table import CutTable, Style
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.canvas.text import number
from ngpt_inspect.figures.drawing.board import Board, value_axis
from ngpt_inspect.figures.drawing.choices import HEAD, LAYER, ROLE
from ngpt_inspect.figures.drawing.curves import draw_values
from ngpt_inspect.vocabulary import Role, Series, Status

SIGMA, KAPPA = "singular_value", "condition_number"
FOR_WORDS = 230
"""Pixels of a panel that has κ and ranks written above it, where the page has room."""
RANKS = {"stable_rank": "stable rank", "effective_rank": "effective rank"}


def draw(
    table: Frame, *, width: int = TWO_COLUMNS, layer: int = 0, role: str = "W_q", head: int = 0
) -> Drawing:
    """Draw σ against its rank, one curve a checkpoint: left of one head, right of the whole.

    x: rank, 1 the largest. y: singular value, logarithmic. Above, of each checkpoint: the
    condition number κ = σ_max / σ_min, and how many directions count, as stable rank and as
    effective rank. A matrix without heads has one panel.
    """
    matrix = Role(role)
    rows = CutTable(table, map(Series, (SIGMA, KAPPA, *RANKS)), layer=layer)
    symbol = f"{matrix.facts.symbol} of layer {layer}"
    parts: list[int | None] = [None] if matrix.facts.head_axis is None else [head, None]
    y = value_axis("singular value σ", log=True)
    panels = {
        part: Panel(
            title=f"{symbol}, {'whole' if part is None else f'head {part}'}",
            x=Axis(title="rank"),
            y=y,
            narrowest=FOR_WORDS,
        )
        for part in parts
    }
    board = Board(rows, [matrix], [list(panels.values())], width, height=190)
    for part, panel in panels.items():
        for style in rows.styles:
            _draw(board, panel, style, matrix, part)
    return board.finish()


def _draw(board: Board, panel: Panel, style: Style, role: Role, head: int | None) -> None:
    rows = board.rows.one(style, role, Series(SIGMA), head)
    if rows.empty:
        n_heads = board.rows.get(style, role, Series(SIGMA))["head"].nunique()
        if head is not None and n_heads:
            symbol = role.facts.symbol
            board.notes.append(f"{style.label}: {symbol} has heads 0 to {n_heads - 1} only.")
        return
    draw_values(board, panel, style, role, rows, "σ")
    board.write_above(panel, style, ", ".join(_numbers(board, style, role, head)))


def _numbers(board: Board, style: Style, role: Role, head: int | None) -> list[str]:
    """Return κ, with its status where it is not plain, and the ranks, in words."""
    said = []
    for row in board.rows.one(style, role, Series(KAPPA), head).to_dict("records"):
        doubt = "" if row["status"] == Status.OK else f" ({row['status'].replace('_', ' ')})"
        said.append(f"κ {number(float(row['value']))}{doubt}")
    for quantity, name in RANKS.items():
        values = board.rows.one(style, role, Series(quantity), head)["value"]
        said += [f"{name} {number(value)}" for value in values]
    return said


FIGURE = Figure(
    name="matrix_spectrum",
    title="Singular values of one matrix",
    summary="Singular values of one matrix against their rank, of one head and of the whole, one "
    "curve a checkpoint. The last over the first is 1/κ; a fall at the end is near-lost rank.",
    needs=("singular_values", "condition_numbers"),
    draw=draw,
    options=(LAYER, ROLE, HEAD),
    formula="σ in float64 of the exact stored values; κ = σ_max / σ_min; stable rank Σσ² / σ_max²; "
    "effective rank exp(−Σ p log p) with p = σ / Σσ.",
    source="arXiv 2410.01131, Figures 11 and 12 (right), for one matrix",
    singles=(SIGMA,),
)
