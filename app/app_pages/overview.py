"""First page: every open checkpoint side by side, from its header to its health and figures."""

import streamlit as st

from app.blocks.cards import draw_cards
from app.blocks.differences import draw_differences
from app.blocks.figures import draw_figure
from app.blocks.health import draw_health
from app.frame.session import current
from app.frame.welcome import draw_welcome

# Their measures are those the health is read from: nothing more is computed for this page.
FIGURES = ("condition_numbers", "eigen_learning_rates", "scaling_factors", "embedding_norms")

checkpoints = current()
st.title("Side by side" if len(checkpoints) > 1 else "Overview" if checkpoints else "ngpt-inspect")
if checkpoints:
    draw_cards(checkpoints)
    draw_health(checkpoints)
    if len(checkpoints) > 1:
        draw_differences(checkpoints)
    for name in FIGURES:
        draw_figure(name, checkpoints)
else:
    draw_welcome()
