"""The layout of the first page."""

import streamlit as st

from ...blocks.figures import draw_figure
from ...frame.session import current
from ...frame.welcome import draw_welcome
from .cards import draw_cards
from .differences import draw_differences
from .health import draw_health

# Their measures are those the health is read from: nothing more is computed for this page.
FIGURES = ("condition_numbers", "eigen_learning_rates", "scaling_factors", "embedding_norms")


def draw() -> None:
    """Draw a card a checkpoint, their health, in what they differ, and the first figures."""
    checkpoints = current()
    several = len(checkpoints) > 1
    st.title("Side by side" if several else "Overview" if checkpoints else "ngpt-inspect")
    if not checkpoints:
        draw_welcome()
        return
    draw_cards(checkpoints)
    draw_health(checkpoints)
    if several:
        draw_differences(checkpoints)
    for name in FIGURES:
        draw_figure(name, checkpoints)
