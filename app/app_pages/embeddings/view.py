"""The layout of the page of embeddings."""

import streamlit as st

from ...blocks.figures import draw_chosen, draw_further
from ...frame.parts import part
from ...frame.session import current
from ...frame.welcome import draw_welcome
from .blocks import draw_counts, draw_looked_at


def draw() -> None:
    """Draw the figure of all tokens, their table, and one token in every checkpoint."""
    checkpoints = current()
    st.title("Embeddings")
    if not checkpoints:
        draw_welcome()
        return
    heading = "Norms, spectrum and dot products"
    part("figure", draw_chosen, "embeddings", checkpoints, title=heading)
    st.header("Tokens", anchor="tokens")
    draw_counts(checkpoints)
    part("tokens", draw_looked_at, checkpoints)
    part("further", draw_further, ("uniformity",), checkpoints)
