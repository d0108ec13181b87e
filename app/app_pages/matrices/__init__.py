"""Condition numbers of the matrices, down to the singular values of one head."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(
    name="matrices",
    title="Matrices",
    icon="grid_on",
    place=30,
    draw=draw,
    details=("condition_numbers", "unit_norm", "circuits", "logit_bounds", "matrix_norms"),
    address={"layer": "layer", "role": "role", "head": "head"},
    examples=(
        "of=heads",
        "of=whole&layer=1",
        "role=W_u&renormalised=true",
        "norms-norm=spectral_norm",
    ),
)
