"""The cosines of a token with its nearest tokens.

x: 1 is the nearest. y: cosine. One curve a token asked for.
"""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.drawing.ranked import curves_in_order

FIGURE = Figure(
    name="neighbours",
    title="Neighbours of a token",
    summary="Cosines of a token with the tokens nearest to it, nearest first. A shelf: a whole "
    "group lies equally close.",
    needs=("neighbours",),
    draw=curves_in_order("neighbour_cosine", "neighbour, nearest first", "cosine"),
    formula="eᵢ · eⱼ / (‖eᵢ‖ ‖eⱼ‖) of token i with its j-th neighbour.",
    source="cosines of the rows of arXiv 2410.01131, Figure 4 (not a figure of the paper)",
)
