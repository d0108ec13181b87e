"""The layout of the page of paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ...frame.parts import part
from ...frame.session import current, current_places
from ...frame.welcome import draw_welcome
from .blocks import ask_prompt, ask_to_run, draw_paths, draw_refusals
from .paths import find

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet


def draw() -> None:
    """Draw the box for a prompt, and the paths of its tokens through all that is open."""
    checkpoints, places = current(), current_places()
    st.title("Path on the hypersphere")
    if not places:
        draw_welcome()
        return
    st.markdown(
        "The paper reads nGPT as an optimiser: the hidden state of each token starts at its input "
        "embedding, and every block moves it on the hypersphere towards what the block suggests, "
        "to end near the output embedding of the token that follows (section 2.2.2, equations 10 "
        "and 11). A GPT's hidden states have any length; here only their directions count."
    )
    part("paths", _draw, checkpoints, places)


def _draw(checkpoints: Sequence[WeightSet], places: Sequence[str]) -> None:
    """Draw the box for a prompt, and the paths."""
    prompt = ask_prompt()
    paths = find(checkpoints, places, prompt, ask_to_run(checkpoints))
    if paths is None:
        st.caption("Not followed yet.")
        return
    draw_refusals(paths)
    if paths.labels:
        draw_paths(paths)
