"""How close the nearest other token of each token is.

x: normalized rank, 0 the smallest. y: cosine of a token's row with the nearest other row. A shelf
near 1: tokens that training has not told apart.
"""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.drawing.ranked import rank_curves

FIGURE = Figure(
    name="nearest_tokens",
    title="Nearest tokens",
    summary="Sorted cosines of each token with the nearest other token, against normalized rank. "
    "A shelf near 1: tokens that are almost the same.",
    needs=("nearest_tokens",),
    draw=rank_curves({"nearest_cosine": "cosine of the nearest"}),
    formula="max over j ≠ i of eᵢ · eⱼ / (‖eᵢ‖ ‖eⱼ‖), every pair looked at.",
    source="cosines of the rows of arXiv 2410.01131, Figure 4 (not a figure of the paper)",
)
