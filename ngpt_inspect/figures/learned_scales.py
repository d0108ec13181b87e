"""Figure 6: all that nGPT learns besides its matrices, arranged as in the paper."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.factors import DRAWN, VIEW, draw_factors
from ngpt_inspect.vocabulary import QK_SCALES, Kind, Role, roles_of

ABOVE, BELOW = (Role.ALPHA_A, Role.S_U), (Role.ALPHA_M, Role.S_NU, Role.S_Z)


def draw(table: Frame, *, width: int = TWO_COLUMNS, view: str = "density") -> Drawing:
    """Draw α_A, s_u, s_qk (or s_q, s_k) and α_M, s_ν, s_z.

    x: normalized layer index; y: mean of the absolute values of the coordinates, as in the
    paper, with their quartile band. For s_z, x: the factor; y: Gaussian kernel density over
    tokens of Scott's bandwidth, for the paper does not give its own; or the histogram, count
    over the largest count. s_ν is without the √d of equation 21.
    """
    rows = CutTable(table, DRAWN)
    above = (*ABOVE, *rows.sought(QK_SCALES))
    return draw_factors(rows, [*above, *BELOW], [above, BELOW], width, view)


FIGURE = Figure(
    name="learned_scales",
    title="Eigen learning rates and scaling factors",
    summary="α_A, α_M, s_u, s_ν and s_qk by normalized layer index (mean of absolute "
    "values, quartile band), and the density of s_z over tokens. nGPT only.",
    needs=("eigen_learning_rates", "scaling_factors"),
    draw=draw,
    options=(VIEW,),
    formula="stored value · init / scale for each coordinate (section 2.5), |·| for α.",
    source="arXiv 2410.01131, Figure 6",
    roles=tuple(str(role) for role in roles_of(Kind.EIGEN_LEARNING_RATE, Kind.SCALING)),
)
