"""Which tokens are unlike the others in length or in direction.

Above the robust z-score of the log norm, below the cosine with the mean row. x: normalized rank, 0
the smallest. A foot far below 0 on the left: rows much shorter than the others. A shelf on the
right: rows that point the same way.
"""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.drawing.ranked import rank_curves

FIGURE = Figure(
    name="token_health",
    title="Token health",
    summary="Sorted robust z-scores of the log norms, and cosines with the mean row, against "
    "normalized rank. A foot far below 0: short rows. A shelf at the top: rows that point alike.",
    needs=("token_health",),
    draw=rank_curves({"norm_z": "z of ln norm", "mean_cosine": "cosine with mean"}),
    formula="(ln ‖eᵢ‖ − median) / max(1.4826 · MAD, rounding); eᵢ · m / (‖eᵢ‖ ‖m‖) with m the "
    "mean of the unit rows.",
    source="norms after arXiv 2405.05417; in nGPT all are equal (arXiv 2410.01131, section 2.6)",
)
