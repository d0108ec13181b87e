"""Figure 4, middle: how evenly the embeddings fill their space."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame
from ngpt_inspect.figures.drawing.board import Board, rank_axis, role_panels, value_axis
from ngpt_inspect.figures.drawing.curves import draw_rank_curve
from ngpt_inspect.figures.drawing.dots import draw_scalars
from ngpt_inspect.vocabulary import EMBEDDINGS, Series

SPECTRUM = "covariance_eigenvalue_over_median"
SCALARS = {"isotropy": "isotropy", "isoscore": "IsoScore", "anisotropy": "anisotropy"}


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw the spectrum of both embeddings, and three scalars of each below."""
    rows = CutTable(table, [Series(SPECTRUM, "quantile"), *map(Series, SCALARS)])
    roles = rows.present(EMBEDDINGS)
    y = value_axis("eigenvalue / median", log=True)
    above = role_panels(roles, rank_axis(), y)
    scalars, names = Axis(), Axis(names=list(SCALARS.values())[::-1])
    scalars.cover([0, 1])
    below = role_panels(roles, scalars, names, "")
    board = Board(rows, EMBEDDINGS, [list(above.values()), list(below.values())], width)
    for role in roles:
        draw_rank_curve(board, above[role], role, SPECTRUM, "eigenvalue / median")
        draw_scalars(board, below[role], role, SCALARS)
    return board.finish()


FIGURE = Figure(
    name="embedding_spectrum",
    title="Embedding spectrum",
    summary="Eigenvalues of the embeddings' covariance over their median, against normalized "
    "rank; below them isotropy, IsoScore and anisotropy. Flat, 1, 1 and 0: an even cloud.",
    needs=("embedding_spectrum",),
    draw=draw,
    formula="eigenvalues λ of the covariance of the rows (mean subtracted) over their median; "
    "isotropy min Z(c) / max Z(c) with Z(c) = Σᵢ exp(c · eᵢ); IsoScore; anisotropy, the "
    "mean cosine of distinct rows.",
    source="arXiv 2410.01131, Figure 4 (middle)",
)
