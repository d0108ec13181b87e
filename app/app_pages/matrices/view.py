"""The layout of the page of matrices."""

import streamlit as st

from ...blocks.figures import draw_chosen, draw_figure, draw_further
from ...frame.parts import part
from ...frame.session import current
from ...frame.welcome import draw_welcome
from .blocks import draw_curves, draw_matrix, draw_vectors


def draw() -> None:
    """Draw the map of all heads with one matrix beside it, and condition numbers by layer."""
    checkpoints = current()
    st.title("Matrices")
    if not checkpoints:
        draw_welcome()
        return
    part("matrix", draw_matrix, checkpoints)
    part("curves", draw_curves, checkpoints)
    part("vectors", draw_vectors, checkpoints)

    st.header("What heads compute", anchor="circuits")
    part("circuits", draw_figure, "circuits", checkpoints)
    part("bounds", draw_figure, "logit_bounds", checkpoints)

    st.header("Norms", anchor="norms")
    part("norms", draw_chosen, "matrix_norms", checkpoints, "norms-")
    part("further", draw_further, ("power_law", "experts"), checkpoints)
