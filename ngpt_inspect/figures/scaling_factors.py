"""Figure 6, middle and right: the learned scaling factors, and the norm gains of a GPT."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.factors import DRAWN, VIEW, draw_factors
from ngpt_inspect.vocabulary import Kind, roles_of


def draw(table: Frame, *, width: int = TWO_COLUMNS, view: str = "density") -> Drawing:
    """Draw s_qk, s_u, s_ν by layer and the density of s_z; in a second group a GPT's gains.

    By layer, x: normalized layer index; y: mean of the absolute values of the coordinates with
    their quartile band. Density (s_z, final gain), x: the factor; y: Gaussian kernel density
    over tokens (coordinates) of Scott's bandwidth, for the paper does not give its own; or the
    histogram, count over the largest count. s_z is the inverse temperature of the softmax over
    the vocabulary.
    """
    rows = CutTable(table, DRAWN)
    lines = [rows.present(roles_of(kind)) for kind in (Kind.SCALING, Kind.GAIN)]
    return draw_factors(rows, roles_of(Kind.SCALING, Kind.GAIN), lines, width, view)


FIGURE = Figure(
    name="scaling_factors",
    title="Scaling factors",
    summary="s_qk, s_u and s_ν of nGPT by normalized layer index (mean of |s|, quartile band) and "
    "the density of s_z over tokens; the norm gains of a GPT in a row of their own.",
    needs=("scaling_factors",),
    draw=draw,
    options=(VIEW,),
    formula="s = stored · s_init / s_scale for each coordinate, without the √d that equation 21 "
    "adds to s_ν; gains as stored.",
    source="arXiv 2410.01131, Figure 6 (middle and right); gains are not in the paper",
)
