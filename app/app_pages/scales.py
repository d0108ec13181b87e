"""Eigen learning rates and scaling factors: by layer, as distributions, and value by value."""

import streamlit as st

from app.blocks.figures import draw_figure
from app.blocks.scales import draw_formulas, draw_gains, draw_vector
from app.frame.controls import choose_options
from app.frame.session import current
from app.frame.welcome import draw_welcome
from ngpt_inspect.tables.learned import LEARNED

# Figures of what only nGPT learns: heading, and what goes before their choices in the address.
NGPT_ONLY = {
    "learned_scales": ("By layer", "by-layer-"),
    "learned_distributions": ("Distributions over all layers", "distribution-"),
}

checkpoints = current()
st.title("Eigen learning rates and scaling factors")
if not checkpoints:
    draw_welcome()
if any(each.family == "nGPT" for each in checkpoints):
    for name, (heading, key) in NGPT_ONLY.items():
        st.subheader(heading, anchor=name.replace("_", "-"))
        draw_figure(name, checkpoints, title="", options=choose_options(name, key=key))
if any(role in LEARNED for each in checkpoints for role in each.roles):
    draw_vector(checkpoints)
    draw_gains(checkpoints)
    draw_formulas(checkpoints)
elif checkpoints:
    st.info("None of these checkpoints has eigen learning rates, scaling factors or norm gains.")
