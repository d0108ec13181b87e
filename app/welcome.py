"""What a page says while nothing is open."""

import streamlit as st


def draw_welcome() -> None:
    """Say what the dashboard does and what to type."""
    st.markdown(
        "ngpt-inspect shows what is inside GPT and nGPT checkpoints, from the files alone: how "
        "their embeddings spread, how well their matrices are conditioned, and how large a step "
        "each block takes."
    )
    st.markdown("**Open a checkpoint** in the box on the left, or name it when you start:")
    st.code("streamlit run app/dashboard.py -- runs/demo/gpt runs/demo/ngpt", language="bash")
    st.markdown("No checkpoint at hand? This trains a small GPT and a small nGPT and opens both:")
    st.code("make demo", language="bash")
