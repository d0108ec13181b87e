"""First page: every open checkpoint side by side, from its header to the paper's figures."""

import streamlit as st

from app.blocks import draw_figure
from app.cards import draw_cards
from app.session import current
from app.welcome import draw_welcome

# Vectors are measured at once, pairs of embeddings last: who waits sees something soon.
FIGURES = ("eigen_learning_rates", "condition_numbers", "scaling_factors", "embeddings")

checkpoints = current()
st.title("Side by side" if len(checkpoints) > 1 else "Overview")
if checkpoints:
    draw_cards(checkpoints)
    for name in FIGURES:
        draw_figure(name, checkpoints)
else:
    draw_welcome()
