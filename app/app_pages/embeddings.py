"""The embeddings as clouds of points, down to the single token."""

import streamlit as st

from app.blocks.figures import draw_figure
from app.blocks.tokens import draw_counts, draw_extremes, draw_neighbours, draw_tokens
from app.frame.controls import choose_options
from app.frame.session import current
from app.frame.welcome import draw_welcome

checkpoints = current()
st.title("Embeddings")
if not checkpoints:
    draw_welcome()
    st.stop()
draw_figure(
    "embeddings",
    checkpoints,
    options=choose_options("embeddings"),
    title="Norms, spectrum and dot products",
)

st.header("Tokens", anchor="tokens")
draw_counts(checkpoints)
looked_at = draw_tokens(checkpoints)
if looked_at:
    draw_neighbours(checkpoints, *looked_at)
    draw_extremes(*looked_at[:2])
