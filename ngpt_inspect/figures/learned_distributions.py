"""Figure 14: the distributions of the six learned vectors, across runs or steps of a run."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import Board, value_axis
from ngpt_inspect.figures.drawing.curves import draw_density, draw_histogram
from ngpt_inspect.figures.drawing.factors import quantity_of
from ngpt_inspect.vocabulary import Role, Series

GRID = (
    (Role.ALPHA_A, Role.ALPHA_M, Role.S_QK, Role.S_Q, Role.S_K),
    (Role.S_U, Role.S_NU, Role.S_Z),
)
ROLES = tuple(role for group in GRID for role in group)
STATISTICS = {"histogram": ("bin_left", "bin_count"), "density": ("density_at", "density")}


def draw(table: Frame, *, width: int = TWO_COLUMNS, view: str = "histogram") -> Drawing:
    """Draw one panel a vector, one line a run or step.

    α_A, α_M, s_qk (or s_q, s_k), s_u, s_ν, s_z.

    x: effective value of a coordinate, those of all layers (and heads) together; s_z has one
    vector. y: count over the largest count, in as many equal bins as Rice's rule says; or a
    Gaussian kernel density of Scott's bandwidth. The paper shows histograms and says nothing
    of their bins or their height. α is |α|; s_ν is without the √d of equation 21.
    """
    quantities = {role: quantity_of(role) for role in ROLES}
    drawn = [Series(each, name) for each in quantities.values() for name in STATISTICS[view]]
    rows = CutTable(table, dict.fromkeys(drawn), pooled=True)
    counts = value_axis("count / largest") if view == "histogram" else None
    panels = {
        role: Panel(x=Axis(title=role.facts.symbol), y=counts or value_axis())
        for role in rows.present(ROLES)
    }
    groups = [[panels[role] for role in group if role in panels] for group in GRID]
    board = Board(rows, ROLES, groups, width)
    drawing = draw_histogram if view == "histogram" else draw_density
    for role, panel in panels.items():
        drawing(board, panel, role, quantities[role], view)
    return board.finish()


FIGURE = Figure(
    name="learned_distributions",
    title="Distributions of the learned vectors",
    summary="Values of α_A, α_M, s_qk, s_u, s_ν and s_z over all coordinates of all layers, one "
    "line a run or step. nGPT only.",
    needs=("eigen_learning_rates", "scaling_factors"),
    draw=draw,
    options=(
        Choice(
            name="view",
            label="Drawn as",
            values=tuple(STATISTICS),
            help="Histograms of one height, or smooth densities of one area.",
        ),
    ),
    formula="stored value · init / scale for each coordinate (section 2.5), |·| for α; layers and "
    "heads together.",
    source="arXiv 2410.01131, Figure 14",
    roles=tuple(str(role) for role in ROLES),
)
