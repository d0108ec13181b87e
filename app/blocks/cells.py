"""Cells of a heat map: which one was clicked."""

from __future__ import annotations

import streamlit as st

from ngpt_inspect.vocabulary import Role

from ..frame.parts import take

LAYER, ROLE, HEAD = "layer", "role", "head"
"""Keys, in the address too, of the matrix that is looked at."""
MAP, BESIDE = 360, 250
"""Pixels on paper of a map, and of what stands beside it."""


def take_cell(key: str) -> None:
    """Look at the matrix whose point was clicked in the figure of this key: customdata names it."""
    points = st.session_state[key].selection.points
    if not points:
        return
    _, layer, role, head, *_ = points[0]["customdata"]
    chosen = {LAYER: str(layer), ROLE: str(Role(role))}
    take(chosen if head is None else chosen | {HEAD: str(head)})
