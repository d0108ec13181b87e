"""Figure 10: condition numbers, and dotted those after normalising the matrices."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.condition_numbers import KAPPA, OF, SPREAD, SPREADS, draw_kappa


def draw(
    table: Frame, *, width: int = TWO_COLUMNS, of: str = "median", spread: str = "quartiles"
) -> Drawing:
    """Draw the figure `condition_numbers`, and dotted the same of the normalised matrices.

    Dotted: after dividing the vectors of length d_model by their norm, as nGPT does after each
    step. What is left of a GPT's distance from an nGPT is not a matter of norms. The paper dots
    the GPTs only; an nGPT's dotted line lies on its own.
    """
    ends, dotted = SPREADS[spread], f"normalized_{KAPPA}"
    return draw_kappa(table, width=width, of=of, spread=ends, normalized=dotted)


FIGURE = Figure(
    name="normalized_condition_numbers",
    title="Condition numbers after normalising",
    summary="κ by normalized layer index, as stored and (dotted) after giving the vectors of "
    "each matrix length 1. Where the dotted line stays above nGPT, norms are not the reason.",
    needs=("condition_numbers", "normalized_condition_numbers"),
    draw=draw,
    options=(OF, SPREAD),
    formula="κ = σ_max / σ_min; dotted, of the matrix whose vectors of length d_model (rows, but "
    "columns of W_o and W_oMLP) are divided by their norm.",
    source="arXiv 2410.01131, Figure 10 (W_o is not in the paper)",
)
