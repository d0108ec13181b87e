"""How evenly the embeddings cover the sphere, beside points that do."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import DOTTED, TWO_COLUMNS, Axis, Drawing, Frame, Panel, line_key
from ngpt_inspect.figures.drawing.board import Board, value_axis
from ngpt_inspect.figures.drawing.dots import draw_beside, draw_level
from ngpt_inspect.vocabulary import EMBEDDINGS, Series

PANELS = {
    "uniformity": "uniformity",
    "cosine_distance": "distance from uniform cosines",
    "hubness": "hubness",
    "intrinsic_dimension": "intrinsic dimension",
}
RANDOM = "uniform on the sphere"


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw four numbers of each embedding, a dot a checkpoint."""
    drawn = (*PANELS, *(f"{name}_random" for name in PANELS))
    rows = CutTable(table, [Series(name) for name in drawn])
    there = rows.present(EMBEDDINGS)
    names = Axis(names=[role.facts.symbol for role in there])
    panels = {
        name: Panel(title=title, x=names, y=Axis() if name == "uniformity" else value_axis())
        for name, title in PANELS.items()
    }
    board = Board(rows, EMBEDDINGS, [list(panels.values())] if there else [], width)
    for name, panel in panels.items() if there else ():
        draw_beside(board, panel, there, name, PANELS[name])
        for role in there:
            draw_level(board, panel, role, f"{name}_random", RANDOM)
        board.key(RANDOM, line_key(**DOTTED), meta="key")
    return board.finish()


FIGURE = Figure(
    name="uniformity",
    title="Uniformity of the embeddings",
    summary="Uniformity, distance of the cosines from the law of uniform points, hubness and "
    "intrinsic dimension of both embeddings, a dot a checkpoint. Dotted: uniform points.",
    needs=("uniformity",),
    draw=draw,
    formula="ln of the mean of exp(−2 ‖x − y‖²) over pairs of unit rows; max |F − G| of the "
    "cosines and of (1 + c)/2 ~ Beta((d−1)/2, (d−1)/2); skewness of N_k; 1 / mean ln(r₂ / r₁).",
    source="Wang and Isola, arXiv 2005.10242, section 4.1.2 (not a figure of the paper)",
)
