"""Figure 4: norms, covariance eigenvalues and pairwise dot products of the embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import RANK_AXIS, draw_histogram, draw_rank_curve
from ngpt_inspect.figures._figure import Figure, Option
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.vocabulary import Kind, Role, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ROLES = roles_of(Kind.EMBEDDING)
EIGENVALUE = "covariance_eigenvalue_over_median"
PRODUCTS = {"raw": ("dot", "dot product"), "cosine": ("cosine", "cosine")}
SUFFIXES = {"rank": ("quantile",), "histogram": ("bin_left", "bin_count", "bin_zero")}


def draw(
    table: pd.DataFrame, *, width: int = TWO_COLUMNS, view: str = "rank", dots: str = "raw"
) -> go.Figure:
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
    columns = {
        "embedding_norm": "norm",
        EIGENVALUE: "eigenvalue / median",
        product: product_name,
    }
    rows = Rows(table, [f"{each}_{suffix}" for each in columns for suffix in SUFFIXES[view]])
    roles = rows.present(ROLES)
    titles = [[f"{role.facts.symbol}  {name}" for name in columns.values()] for role in roles]
    log = [(group, 2) for group in range(1, len(roles) + 1)]
    panels = Panels(rows, titles, ROLES, width=width, log=log if view == "rank" else ())
    if rows.settings.get("uncentred"):
        panels.notes.append("Covariance without subtracting the mean embedding.")
    for group, role in enumerate(roles, 1):
        for at, (quantity, name) in enumerate(columns.items(), 1):
            if view == "rank":
                draw_rank_curve(panels, (group, at), role, quantity, name)
            else:
                log_bins = quantity == EIGENVALUE
                draw_histogram(panels, (group, at), role, quantity, name, log=log_bins)
    if view == "rank":
        for at in range(1, len(columns) + 1):
            panels.share_y([cell for cell in panels.cells if cell[1] == at])
        panels.label(panels.cells, x=RANK_AXIS)
        return panels.finish()
    panels.share_y(panels.cells)
    panels.label(panels.cells, y="count / largest")
    for at, (quantity, name) in enumerate(columns.items(), 1):
        cells = [cell for cell in panels.cells if cell[1] == at]
        panels.cover_x(cells, log=quantity == EIGENVALUE)
        panels.label(cells, x=name)
    panels.notes += _without_logarithm(rows, roles)
    return panels.finish()


def _without_logarithm(rows: Rows, roles: list[Role]) -> list[str]:
    """Say how many eigenvalues a logarithmic axis cannot show."""
    return [
        f"{style.label}: {int(count)} zero eigenvalues of {role.facts.symbol}, left of the axis."
        for style in rows.styles
        for role in roles
        for count in rows.get(style, role, f"{EIGENVALUE}_bin_zero")["value"]
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
        Option(
            name="view",
            values=tuple(SUFFIXES),
            help="Sorted values against their rank, or histograms of the same values.",
        ),
        Option(
            name="dots",
            values=tuple(PRODUCTS),
            help="Dot products of the rows as stored, or of unit rows.",
        ),
    ),
    formula="norm ‖eᵢ‖₂ of each token's row; eigenvalues of the covariance of the rows (mean "
    "subtracted) over their median; dot products eᵢ · eⱼ of all distinct pairs of rows as"
    " stored.",
    source="arXiv 2410.01131, Figure 4",
)
