"""The embeddings as clouds of points, down to the single token."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(
    name="embeddings",
    title="Embeddings",
    icon="scatter_plot",
    place=20,
    draw=draw,
    details=("embedding_norms",),
    address={"checkpoint": "tokens_of", "role": "embedding", "order": "order"},
    examples=("view=histogram", "embedding=E_output&token=3"),
)
