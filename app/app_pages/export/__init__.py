"""Figures to take away: at the size of the page they go to, as files, and as code."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(
    name="export",
    title="Export",
    icon="download",
    place=70,
    draw=draw,
    examples=("width=one", "figure=Embeddings&format=svg"),
)
