"""Links from one page to another, to what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

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

SPELLING = {"embeddings": {"role": "embedding", "checkpoint": "tokens_of"}}
"""How the address of a page calls where it looks, if not by the name of the column."""


def draw_link(page: str, label: str, *, at: Mapping[str, Any], help: str = "") -> None:
    """Draw a link to a page; its words alone where there is no such page.

    Parameters
    ----------
    page
        The name of its file.
    label, help
        Markdown.
    at
        What the page shows first: checkpoint, role, layer, head; None where it is all of them.
    """
    if page and (PAGES / f"{page}.py").is_file():
        spelling = SPELLING.get(page, {})
        query = {spelling.get(k, k): str(value) for k, value in at.items() if value is not None}
        st.page_link(f"app_pages/{page}.py", label=label, query_params=query, help=help or None)
    else:
        st.markdown(label, help=help or None)
