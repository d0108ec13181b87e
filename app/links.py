"""Links from one page to another, to what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parent / "app_pages"

PAGE_OF = {
    "condition_numbers": "matrices",
    "unit_norm": "matrices",
    "embedding_norms": "embeddings",
    "eigen_learning_rates": "scales",
    "scaling_factors": "scales",
}
"""The page that shows the details of a measure."""


def draw_link(
    page: str, label: str, *, query: Mapping[str, str] | None = None, help: str = ""
) -> None:
    """Draw a link to a page, at a view of it; its words alone where there is no such page."""
    file = PAGES / f"{page}.py"
    if page and file.is_file():
        st.page_link(
            f"app_pages/{page}.py", label=label, query_params=dict(query or {}), help=help or None
        )
    else:
        st.markdown(label, help=help or None)
