"""Small multiples of what tells checkpoints apart first: κ, norms of embeddings, rates, scales."""

from collections.abc import Callable

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.condition_numbers import KAPPA
from ngpt_inspect.figures.drawing.board import (
    ATTENTION,
    MLP,
    Board,
    role_panels,
    value_axis,
)
from ngpt_inspect.figures.drawing.curves import draw_rank_curve
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.figures.drawing.ranked import EMBEDDINGS
from ngpt_inspect.vocabulary import QK_SCALES, Kind, Role, Series, roles_of

NORM, ALPHA, FACTOR = "embedding_norm", "eigen_learning_rate", "scaling_factor"
RATES = roles_of(Kind.EIGEN_LEARNING_RATE)
SMALL = 68
"""Pixels of a panel: three rows of them fit the first screen of a page."""


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw a small panel a matrix, an embedding, an eigen learning rate, and s_qk.

    κ of each matrix by normalized layer index, logarithmic: median over heads with its quartiles,
    whole in the MLP. Norms of the rows of each embedding, sorted. α_A, α_M and s_qk by normalized
    layer index: mean of absolute values with their quartiles.
    """
    spread = ("low", "high")
    sizes = [(name, f"abs_{end}") for name in (ALPHA, FACTOR) for end in ("mean", *spread)]
    asked = [(KAPPA, end) for end in ("median", *spread)] + [(NORM, "quantile"), *sizes]
    rows = CutTable(table, [Series(*each) for each in asked])
    x, kappa = Axis(title="layer, 0 to 1"), value_axis("κ", log=True)
    kappa.cover([1])
    matrices = role_panels(rows.present([*ATTENTION, *MLP]), x, kappa, _titled("κ of {}"))
    ranks = Axis(title="rank, 0 to 1")
    norms = role_panels(rows.present(EMBEDDINGS), ranks, value_axis(), _titled("‖{}‖"))
    learned = [*rows.present(RATES), *rows.present(QK_SCALES)]
    means = {
        role: Panel(title=f"mean |{role.facts.symbol}|", x=x, y=value_axis()) for role in learned
    }
    every = matrices | norms | means
    lines = (ATTENTION, (*MLP, *QK_SCALES), (*EMBEDDINGS, *RATES))
    groups = [[every[role] for role in line if role in every] for line in lines]
    board = Board(rows, (*ATTENTION, *MLP, *EMBEDDINGS), groups, width, height=SMALL)
    median, quartiles = Series(KAPPA, "median"), between(KAPPA, *spread)
    for role, panel in matrices.items():
        draw_by_layer(board, panel, role, median, name="κ", band=quartiles)
    for role, panel in norms.items():
        draw_rank_curve(board, panel, role, NORM, "norm of each token")
    for role, panel in means.items():
        quantity = ALPHA if role in RATES else FACTOR
        band = between(quantity, "abs_low", "abs_high")
        mean = Series(quantity, "abs_mean")
        draw_by_layer(board, panel, role, mean, name=panel.title, band=band)
    return board.finish()


def _titled(words: str) -> Callable[[Role], str]:
    return lambda role: words.format(role.facts.symbol)


FIGURE = Figure(
    name="at_a_glance",
    title="At a glance",
    summary="What tells checkpoints apart first, as small panels: condition numbers κ of every "
    "matrix by normalized layer index (median over heads, quartile band), sorted norms of the "
    "embeddings, and the means of |α| and |s_qk| of nGPT.",
    needs=("condition_numbers", "embedding_norms", "eigen_learning_rates", "scaling_factors"),
    draw=draw,
    formula="κ = σ_max / σ_min; ‖eᵢ‖₂ of each token's row; |stored · init / scale| of each "
    "coordinate.",
    source="arXiv 2410.01131, Figures 4 to 6, in small",
)
