"""Figure 4, right: dot products between all pairs of embeddings."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import Board, rank_axis, value_axis
from ngpt_inspect.figures.drawing.curves import draw_histogram, draw_law, draw_rank_curve
from ngpt_inspect.vocabulary import EMBEDDINGS, Series

DRAWN = (
    Series("dot", "quantile"),
    *(Series(of, name) for of in ("dot", "cosine") for name in ("bin_left", "bin_count")),
    *(Series("uniform_cosine", name) for name in ("density_at", "density")),
)
NAMES = ("dot product", "density of dots", "density of cosines")


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw two rows, input and output: the rank curve, then histograms of dots and of cosines.

    Shares are per unit of x: areas are 1. Points spread evenly over a sphere pile up at 0; a hump
    to the right of that is a cluster of tokens. In nGPT rows are unit, so the histograms agree.
    """
    rows = CutTable(table, DRAWN)
    ranks, products = rank_axis(), value_axis()
    groups = {}
    for role in rows.present(EMBEDDINGS):
        xs = (ranks, Axis(title="dot product"), Axis(title="cosine"))
        ys = (products, value_axis(), value_axis())
        titles = [f"{role.facts.symbol}  {name}" for name in NAMES]
        groups[role] = [Panel(title=t, x=x, y=y) for t, x, y in zip(titles, xs, ys, strict=True)]
    board = Board(rows, EMBEDDINGS, list(groups.values()), width)
    for role, (curve, dots, cosines) in groups.items():
        draw_rank_curve(board, curve, role, "dot", NAMES[0])
        draw_histogram(board, dots, role, "dot", NAMES[1], per_unit=True)
        draw_histogram(board, cosines, role, "cosine", NAMES[2], per_unit=True)
        draw_law(board, cosines, role, "uniform_cosine", "uniform on the sphere")
    return board.finish()


FIGURE = Figure(
    name="dot_products",
    title="Pairwise dot products",
    summary="Dot products between all pairs of embeddings: rank curve of the raw values, "
    "densities of raw values and of cosines. Dotted: tokens evenly spread over the sphere.",
    needs=("dot_products",),
    draw=draw,
    formula="eᵢ · eⱼ and eᵢ · eⱼ / (‖eᵢ‖ ‖eⱼ‖) over all V(V − 1)/2 distinct pairs of rows.",
    source="arXiv 2410.01131, Figure 4 (right); the densities are not in the paper",
)
