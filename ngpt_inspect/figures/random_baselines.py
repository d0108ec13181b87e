"""Spectra over those of random matrices of the same shapes, by layer."""

from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.by_layer import draw_matrices

RATIOS = {
    "condition_number_ratio": "κ / random κ",
    "effective_rank_ratio": "rank / random rank",
    "stable_rank_ratio": "stable / random rank",
    "outside_share": "share of σ outside",
}


def draw(
    table: Frame, *, width: int = TWO_COLUMNS, ratio: str = "condition_number_ratio"
) -> Drawing:
    """Draw one panel a matrix: the median over heads with their quartiles, whole in the MLP."""
    return draw_matrices(
        table,
        width=width,
        quantity=ratio,
        title=RATIOS[ratio],
        log=ratio == "condition_number_ratio",
        held=[0 if ratio == "outside_share" else 1],
    )


FIGURE = Figure(
    name="random_baselines",
    title="Spectra beside random matrices",
    summary="κ, effective or stable rank over those of a random matrix of the shape (1 is random), "
    "or the share of singular values outside of its bulk, by normalized layer index.",
    needs=("singular_values",),
    draw=draw,
    options=(Choice(name="ratio", values=tuple(RATIOS), help="What is set beside a random one."),),
    formula="κ over the median κ of independent normal entries, exp(−Σ p log p) and Σσ² / σ_max² "
    "over those of the Marchenko-Pastur law, σ beyond its edges over min(m, n).",
    source="Edelman 1988 (10.1137/0609045), theorem 6.1; Johnstone 2001 (10.1214/aos/1009210544), "
    "theorem 1.1",
)
