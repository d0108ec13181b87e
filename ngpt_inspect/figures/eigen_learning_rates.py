"""Figure 6, left: the eigen learning rates of nGPT."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame
from ngpt_inspect.figures.drawing.board import Board, layer_axis, role_panels, value_axis
from ngpt_inspect.figures.drawing.curves import draw_density
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import RATES, Series

QUANTITY = "eigen_learning_rate"


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw the mean of α_A and α_M by layer, and below how their coordinates are spread."""
    names = ("abs_mean", "abs_low", "abs_high", "density", "density_at")
    rows = CutTable(table, [Series(QUANTITY, name) for name in names])
    roles = rows.present(RATES)
    means = role_panels(roles, layer_axis(), value_axis("mean |α|"))
    spreads = role_panels(roles, Axis(title="|α|", from_zero=True), value_axis("density"), "")
    board = Board(rows, RATES, [list(means.values()), list(spreads.values())], width)
    mean, band = Series(QUANTITY, "abs_mean"), between(QUANTITY, "abs_low", "abs_high")
    for role in roles:
        draw_by_layer(board, means[role], role, mean, name="mean |α|", band=band)
        draw_density(board, spreads[role], role, QUANTITY, "density of α", least=0)
    return board.finish()


FIGURE = Figure(
    name="eigen_learning_rates",
    title="Eigen learning rates",
    summary="α_A and α_M of nGPT: mean over coordinates by normalized layer index with the "
    "quartile band, and the density over coordinates of each layer. 0.25: a quarter of the way.",
    needs=("eigen_learning_rates",),
    draw=draw,
    formula="|α| = |stored · α_init / α_scale| for each coordinate: h ← Norm(h + α (Norm(block(h)) "
    "− h)).",
    source="arXiv 2410.01131, Figure 6 (left)",
)
