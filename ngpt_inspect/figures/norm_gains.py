"""The gains of a GPT's norms: the nearest relatives of what nGPT learns besides its matrices."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.factors import DRAWN, VIEW, draw_factors
from ngpt_inspect.vocabulary import Kind, roles_of

GAINS = roles_of(Kind.GAIN)
A_ROW = 4


def draw(table: Frame, *, width: int = TWO_COLUMNS, view: str = "density") -> Drawing:
    """Draw a panel a gain: by layer, or of the final norm its values.

    Its density is a Gaussian kernel's of Scott's bandwidth.
    """
    rows = CutTable(table, DRAWN)
    there = rows.present(GAINS)
    lines = [there[first : first + A_ROW] for first in range(0, len(there), A_ROW)]
    return draw_factors(rows, there, lines, width, view)


FIGURE = Figure(
    name="norm_gains",
    title="Norm gains",
    summary="The gains of a GPT's norms: mean of absolute values over coordinates by normalized "
    "layer index with the quartile band, and the density of the gain of the final norm.",
    needs=("scaling_factors",),
    draw=draw,
    options=(VIEW,),
    formula="each gain as stored, or 1 + stored where the model uses it so.",
    source="arXiv 2410.01131, Figure 6 (its arrangement; gains are not in the paper)",
    roles=tuple(str(role) for role in GAINS),
)
