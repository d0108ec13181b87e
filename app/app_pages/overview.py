"""First page: every open checkpoint side by side, from its header to the paper's figures."""

import streamlit as st

from app.blocks import draw_figures
from app.cards import draw_cards
from app.session import current
from app.welcome import draw_welcome

FIGURES = ("embeddings", "condition_numbers", "eigen_learning_rates", "scaling_factors")

checkpoints = current()
st.title("Side by side" if len(checkpoints) > 1 else "Overview")
if checkpoints:
    draw_cards(checkpoints)
    draw_figures(FIGURES, checkpoints)
else:
    draw_welcome()
