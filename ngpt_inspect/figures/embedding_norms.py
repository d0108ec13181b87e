"""Figure 4, left: norms of the embeddings.

x: normalized rank, 0 the smallest. y: L2 norm of a token's row. A flat line: all tokens weigh
alike (at 1 in nGPT). A foot near 0: tokens hardly ever trained.
"""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.drawing.ranked import rank_curves

FIGURE = Figure(
    name="embedding_norms",
    title="Embedding norms",
    summary="Sorted norms of the embedding of each token, against normalized rank. nGPT: all 1.",
    needs=("embedding_norms",),
    draw=rank_curves({"embedding_norm": "norm of each token"}),
    formula="‖eᵢ‖₂ of each token's row as stored.",
    source="arXiv 2410.01131, Figure 4 (left)",
)
