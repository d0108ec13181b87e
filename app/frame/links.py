"""Links from one page to another, to what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

PAGE_OF = {
    "condition_numbers": "matrices",
    "unit_norm": "matrices",
    "embedding_norms": "embeddings",
    "eigen_learning_rates": "scales",
    "scaling_factors": "scales",
}
"""The page that shows the details of a measure."""

SPELLING = {
    "embeddings": {"checkpoint": "tokens_of", "role": "embedding"},
    "matrices": {"layer": "layer", "role": "role", "head": "head"},
    "scales": {"layer": "layer", "role": "vector"},
}
"""What a page can be asked to show first, and how its address calls that."""


def draw_link(page: str, label: str, *, at: Mapping[str, Any]) -> None:
    """Draw a link to a page.

    Parameters
    ----------
    page
        The name of its file; nothing is drawn where it is empty.
    label
        A word or two: a link is never broken into lines.
    at
        What the page shows first: checkpoint, role, layer, head; None where it is all of them.
    """
    if page:
        spelling = SPELLING.get(page, {})
        query = {spelling[k]: str(at[k]) for k in spelling if at.get(k) is not None}
        st.page_link(f"app_pages/{page}.py", label=label, query_params=query)
