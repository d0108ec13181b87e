"""The layout of the page of rates and scales."""

import streamlit as st

from ngpt_inspect.tables.learned import LEARNED

from ...blocks.figures import draw_chosen
from ...frame.parts import part
from ...frame.session import current
from ...frame.welcome import draw_welcome
from .blocks import draw_formulas, draw_gains, draw_vector

# Figures of what only nGPT learns: heading, and what goes before their choices in the address.
NGPT_ONLY = {
    "learned_scales": ("By layer", "by-layer-"),
    "learned_distributions": ("Distributions over all layers", "distribution-"),
}


def draw() -> None:
    """Draw what was learned by layer and as distributions, one vector, and whence its values."""
    checkpoints = current()
    st.title("Eigen learning rates and scaling factors")
    if not checkpoints:
        draw_welcome()
        return
    if any(each.family == "nGPT" for each in checkpoints):
        for name, (heading, key) in NGPT_ONLY.items():
            st.subheader(heading, anchor=name.replace("_", "-"))
            part(name, draw_chosen, name, checkpoints, key, title="")
    if any(role in LEARNED for each in checkpoints for role in each.roles):
        part("vector", draw_vector, checkpoints)
        part("gains", draw_gains, checkpoints)
        draw_formulas(checkpoints)
    else:
        st.info(
            "None of these checkpoints has eigen learning rates, scaling factors or norm gains."
        )
