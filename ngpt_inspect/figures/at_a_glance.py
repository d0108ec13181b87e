"""Small multiples of what tells checkpoints apart first: κ, norms of embeddings, rates, scales."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame
from ngpt_inspect.figures.condition_numbers import KAPPA
from ngpt_inspect.figures.drawing.board import Board, role_panels, value_axis
from ngpt_inspect.figures.drawing.curves import draw_rank_curve
from ngpt_inspect.figures.drawing.factors import DRAWN, draw_factor, factor_panel
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import ATTENTION, EMBEDDINGS, MLP, QK_SCALES, RATES, Series

NORM = "embedding_norm"
SMALL = 68
"""Pixels of a panel: three rows of them fit the first screen of a page."""


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw a small panel a matrix, an embedding, an eigen learning rate, and s_qk."""
    median, quartiles = Series(KAPPA, "median"), between(KAPPA, "low", "high")
    rows = CutTable(table, [median, *quartiles, Series(NORM, "quantile"), *DRAWN])
    x, kappa = Axis(title="layer, 0 to 1"), value_axis("κ", log=True)
    kappa.cover([1])
    matrices = role_panels(rows.present([*ATTENTION, *MLP]), x, kappa, "κ of {}")
    ranks = Axis(title="rank, 0 to 1")
    norms = role_panels(rows.present(EMBEDDINGS), ranks, value_axis(), "‖{}‖")
    learned = [*rows.present(RATES), *rows.present(QK_SCALES)]
    means = {role: factor_panel(role, "", x) for role in learned}
    every = matrices | norms | means
    lines = (ATTENTION, (*MLP, *QK_SCALES), (*EMBEDDINGS, *RATES))
    groups = [[every[role] for role in line if role in every] for line in lines]
    board = Board(rows, (*ATTENTION, *MLP, *EMBEDDINGS), groups, width, height=SMALL)
    for role, panel in matrices.items():
        draw_by_layer(board, panel, role, median, name="κ", band=quartiles)
    for role, panel in norms.items():
        draw_rank_curve(board, panel, role, NORM, "norm of each token")
    for role, panel in means.items():
        draw_factor(board, panel, role, "")
    return board.finish()


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
