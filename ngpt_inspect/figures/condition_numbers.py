"""Figure 5: condition numbers of the attention and MLP matrices by layer."""

from functools import partial

from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.by_layer import draw_matrices

KAPPA = "condition_number"
SPREADS = {"quartiles": ("low", "high"), "range": ("min", "max")}
SPREAD = Choice(
    name="spread",
    label="Band",
    values=tuple(SPREADS),
    help="The band around the median over heads: its quartiles, or from the least to the largest.",
)
OF = Choice(
    name="of",
    label="Heads of attention",
    values=("median", "heads", "whole"),
    help="Of attention: the median over heads, each head as a thin line, or the whole matrix.",
)


def draw(
    table: Frame, *, width: int = TWO_COLUMNS, of: str = "median", spread: str = "quartiles"
) -> Drawing:
    """Draw one panel a matrix: W_q W_k W_v W_o, and W_u W_nu W_oMLP.

    x: normalized layer index. y: condition number σ_max / σ_min, logarithmic, one range for
    all panels; the line is the median over heads, the band their quartiles or their range (the
    whole matrix in the MLP). ``of="heads"`` draws a thin line for each head, ``of="whole"`` one
    of the matrix that is not split, which the paper does not show. 1 means that every direction
    passes alike; large values mean near-lost rank. The paper draws no band, leaves W_o out, and
    calls the MLP matrices MLP11, MLP12 and MLP2 without saying which of the first two is the
    gate. Here they have the names of its equations: W_u where we take it to mean MLP11, W_nu
    (under SiLU) MLP12, W_oMLP MLP2.
    """
    return draw_kappa(table, width=width, of=of, spread=SPREADS[spread])


draw_kappa = partial(
    draw_matrices, quantity=KAPPA, title="condition number κ", name="κ", log=True, held=[1]
)

FIGURE = Figure(
    name="condition_numbers",
    title="Condition numbers by layer",
    summary="κ = σ_max / σ_min of every matrix by normalized layer index: median over heads with "
    "the quartile band, whole matrices in the MLP. Lower is better conditioned; ∞ is lost rank.",
    needs=("condition_numbers",),
    draw=draw,
    options=(OF, SPREAD),
    formula="κ = σ_max / σ_min, the largest over the smallest singular value, in float64 of the "
    "exact stored values; of each head's block in attention, of the whole matrix in the "
    "MLP.",
    source="arXiv 2410.01131, Figure 5 (W_o is not in the paper)",
)
