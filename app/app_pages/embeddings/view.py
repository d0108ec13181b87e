"""The layout of the page of embeddings."""

import streamlit as st

from ...blocks.figures import draw_figure
from ...frame.controls import choose_further, choose_options
from ...frame.session import current
from ...frame.welcome import draw_welcome
from .blocks import draw_counts, draw_extremes, draw_neighbours, draw_tokens


def draw() -> None:
    """Draw the figure of all tokens, their table, and one token in every checkpoint."""
    checkpoints = current()
    st.title("Embeddings")
    if not checkpoints:
        draw_welcome()
        return
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
    if further := choose_further(("uniformity",)):
        draw_figure(further, checkpoints)
