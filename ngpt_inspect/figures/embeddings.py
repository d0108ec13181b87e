"""Figure 4: norms, covariance eigenvalues and pairwise dot products of the embeddings."""

from collections.abc import Mapping

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import Board, rank_axis, value_axis
from ngpt_inspect.figures.drawing.curves import draw_histogram, draw_rank_curve
from ngpt_inspect.vocabulary import EMBEDDINGS, Role, Series

EIGENVALUE = "covariance_eigenvalue_over_median"
PRODUCTS = {"raw": ("dot", "dot product"), "cosine": ("cosine", "cosine")}
STATISTICS = {"rank": ("quantile",), "histogram": ("bin_left", "bin_count", "bin_zero")}


def draw(
    table: Frame, *, width: int = TWO_COLUMNS, view: str = "rank", dots: str = "raw"
) -> Drawing:
    """Draw three panels of the input and three of the output embeddings.

    In turn: norm of a token's row; eigenvalue of the covariance of the rows over the median
    eigenvalue, logarithmic; dot product of two distinct rows. As rank curves, x: normalized
    rank, 0 the smallest; y: the value. As histograms, x: the value; y: count over the largest
    count. Flat norms at 1 and flat eigenvalues mean that the embeddings fill the hypersphere
    evenly; dot products above 0 mean that they gather.

    The paper does not say whether its covariance is about the mean (here it is; measured with
    ``uncentred`` it is not, and a note says so), nor whether its rows were normalised before
    the products (here they were not; ``dots="cosine"``), nor which pairs it took (here all, or
    a sample that a note names).
    """
    product, product_name = PRODUCTS[dots]
    columns = {"embedding_norm": "norm", EIGENVALUE: "eigenvalue / median", product: product_name}
    rows = CutTable(table, [Series(each, name) for each in columns for name in STATISTICS[view]])
    axes = _ranked(columns) if view == "rank" else _counted(columns)
    groups = {
        role: {
            quantity: Panel(title=f"{role.facts.symbol}  {columns[quantity]}", x=x, y=y)
            for quantity, (x, y) in axes.items()
        }
        for role in rows.present(EMBEDDINGS)
    }
    board = Board(rows, EMBEDDINGS, [list(group.values()) for group in groups.values()], width)
    if rows.settings.get("uncentred"):
        board.notes.append("Covariance without subtracting the mean embedding.")
    drawing = draw_rank_curve if view == "rank" else draw_histogram
    for role, panels in groups.items():
        for quantity, panel in panels.items():
            drawing(board, panel, role, quantity, columns[quantity])
    if view != "rank":
        board.notes += _without_logarithm(rows, list(groups))
    return board.finish()


def _ranked(columns: Mapping[str, str]) -> dict[str, tuple[Axis, Axis]]:
    """Return the axes of each column's rank curves."""
    x = rank_axis()
    return {each: (x, value_axis(log=each == EIGENVALUE)) for each in columns}


def _counted(columns: Mapping[str, str]) -> dict[str, tuple[Axis, Axis]]:
    """Return the axes of each column's histograms."""
    y = value_axis("count / largest")
    return {each: (Axis(title=name, log=each == EIGENVALUE), y) for each, name in columns.items()}


def _without_logarithm(rows: CutTable, roles: list[Role]) -> list[str]:
    """Say how many eigenvalues a logarithmic axis cannot show."""
    return [
        f"{style.label}: {int(count)} zero eigenvalues of {role.facts.symbol}, left of the axis."
        for style in rows.styles
        for role in roles
        for count in rows.get(style, role, Series(EIGENVALUE, "bin_zero"))["value"]
        if count
    ]


FIGURE = Figure(
    name="embeddings",
    title="Embeddings",
    summary="Sorted norms, covariance eigenvalues over their median, and pairwise dot products "
    "of the input and output embeddings, against normalized rank. nGPT: every norm is 1.",
    needs=("embedding_norms", "embedding_spectrum", "dot_products"),
    draw=draw,
    options=(
        Choice(
            name="view",
            label="Drawn as",
            values=tuple(STATISTICS),
            help="Sorted values against their rank, or histograms of the same values.",
        ),
        Choice(
            name="dots",
            label="Dot products",
            values=tuple(PRODUCTS),
            help="Dot products of the rows as stored, or of unit rows.",
        ),
    ),
    formula="norm ‖eᵢ‖₂ of each token's row; eigenvalues of the covariance of the rows (mean "
    "subtracted) over their median; dot products eᵢ · eⱼ of all distinct pairs of rows as"
    " stored.",
    source="arXiv 2410.01131, Figure 4",
)
