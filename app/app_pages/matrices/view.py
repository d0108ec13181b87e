"""The layout of the page of matrices."""

import streamlit as st

from ...blocks.figures import draw_figure
from ...frame.controls import choose_further, choose_options, switch
from ...frame.session import current
from ...frame.welcome import draw_welcome
from .blocks import (
    choose_matrix,
    draw_circuits,
    draw_curves,
    draw_elsewhere,
    draw_facts,
    draw_heads,
    draw_norms,
)


def draw() -> None:
    """Draw the map of all heads with one matrix beside it, and condition numbers by layer."""
    checkpoints = current()
    st.title("Matrices")
    if not checkpoints:
        draw_welcome()
        return
    on_the_left, beside = st.columns(2, gap="medium")
    with beside:
        st.header("One matrix", anchor="matrix")
        chosen = choose_matrix(checkpoints)
        if chosen is not None:
            draw_facts(checkpoints, chosen)
    with on_the_left:
        st.header("By layer and head", anchor="heads")
        draw_heads(checkpoints, chosen)
        if chosen is not None:
            draw_elsewhere(checkpoints, chosen)
            draw_circuits(checkpoints, chosen)
    renormalised = switch(
        "GPT renormalised",
        "renormalised",
        help="Beside it, dotted, after giving the vectors of each matrix length 1, as nGPT does.",
    )
    name = "normalized_condition_numbers" if renormalised else "condition_numbers"
    draw_curves(name, checkpoints, choose_options(name))
    if chosen is not None:
        draw_norms(checkpoints, chosen)

    st.header("What heads compute", anchor="circuits")
    draw_figure("circuits", checkpoints)
    draw_figure("logit_bounds", checkpoints)

    st.header("Norms", anchor="norms")
    draw_figure("matrix_norms", checkpoints, options=choose_options("matrix_norms", key="norms-"))
    if further := choose_further(("power_law", "experts")):
        draw_figure(further, checkpoints)
