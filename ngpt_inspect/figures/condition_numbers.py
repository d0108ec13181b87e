"""Figure 5: condition numbers of the attention and MLP matrices by layer."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import NEUTRAL, TWO_COLUMNS, Drawing, Frame, line_key
from ngpt_inspect.figures.drawing.board import layer_axis, matrix_board, value_axis
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import Series

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
NORMALIZED = f"normalized_{KAPPA}"


def draw(
    table: Frame,
    *,
    width: int = TWO_COLUMNS,
    of: str = "median",
    spread: str = "quartiles",
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
    return draw_kappa(table, width, of, spread)


def draw_kappa(
    table: Frame, width: int, of: str, spread: str, *, normalized: bool = False
) -> Drawing:
    """Draw the condition number of every matrix as stored and, dotted, as `normalized`."""
    dotted = [drawn(NORMALIZED, of)] if normalized else []
    rows = CutTable(table, [drawn(KAPPA, of), *band_of(of, spread), *dotted])
    y = value_axis("condition number κ", log=True)
    y.cover([1])
    board, panels = matrix_board(rows, layer_axis(), y, width)
    band = between(KAPPA, *SPREADS[spread]) if of == "median" else None
    split = "" if of == "median" else of
    for role, panel in panels.items():
        draw_by_layer(board, panel, role, drawn(KAPPA, of), name="κ", band=band, of=split)
        for each in dotted:
            draw_by_layer(board, panel, role, each, name="normalised κ", dash="dot", of=split)
    if dotted:
        board.key("vectors scaled to length 1", line_key(NEUTRAL, dash="dot"), meta="key")
    return board.finish()


def drawn(quantity: str, of: str) -> Series:
    """Return what is drawn: the median over heads, or single values."""
    return Series(quantity, "median" if of == "median" else None)


def band_of(of: str, spread: str) -> list[Series]:
    """Return the two statistics the band lies between; a single matrix has none."""
    return [Series(KAPPA, name) for name in SPREADS[spread]] if of == "median" else []


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
