"""Runs while they train, what they took, and what moved inside them."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(
    name="training",
    title="Training",
    icon="trending_down",
    place=50,
    draw=draw,
    examples=(
        "against=tokens",
        "against=seconds",
        "moved_quantity=unit_deviation&moved_as=a map of layers",
    ),
)
