"""Eigen learning rates and scaling factors: by layer, as distributions, and value by value."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(
    name="scales",
    title="Rates and scales",
    icon="tune",
    place=40,
    draw=draw,
    details=("eigen_learning_rates", "scaling_factors"),
    address={"layer": "layer", "role": "vector"},
    examples=("layer=1", "vector=s_z"),
)
