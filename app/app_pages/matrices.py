"""Condition numbers of the matrices, down to the singular values of one head."""

import streamlit as st

from app.blocks.matrices import choose_matrix, draw_curves, draw_heads, draw_matrix
from app.frame.controls import choose_options, switch
from app.frame.session import current
from app.frame.welcome import draw_welcome

checkpoints = current()
st.title("Matrices")
if not checkpoints:
    draw_welcome()
    st.stop()

renormalised = switch(
    "GPT renormalised",
    "renormalised",
    help="Beside it, dotted, after giving the vectors of each matrix length 1, as nGPT does.",
)
name = "normalized_condition_numbers" if renormalised else "condition_numbers"
draw_curves(name, checkpoints, choose_options(name))

st.header("By layer and head", anchor="heads")
draw_heads(checkpoints)

st.header("One matrix", anchor="matrix")
chosen = choose_matrix(checkpoints)
if chosen is not None:
    draw_matrix(checkpoints, chosen)
