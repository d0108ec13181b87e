"""One card a checkpoint: what can be said of it before any tensor is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from app.sidebar import chip
from ngpt_inspect.gallery import colors

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

A_ROW = 3
"""Cards side by side."""


def draw_cards(checkpoints: Sequence[WeightSet]) -> None:
    """Draw one card a checkpoint."""
    columns = st.columns(min(len(checkpoints), A_ROW))
    shown = zip(checkpoints, colors(checkpoints), strict=True)
    for place, (checkpoint, color) in enumerate(shown):
        with columns[place % A_ROW].container(border=True):
            st.html(chip(checkpoint.label, color, checkpoint.family, checkpoint.step))
            st.html(_listed(facts(checkpoint)))
            if checkpoint.unrecognised:
                with st.expander(f"{len(checkpoint.unrecognised)} tensors not recognised"):
                    st.code("\n".join(checkpoint.unrecognised), language=None)


def facts(checkpoint: WeightSet) -> dict[str, str]:
    """Return name and value of each line of a card."""
    shape = checkpoint.shape
    heads = "heads unknown" if shape.n_heads is None else f"{shape.n_heads} heads"
    assumed = [constant.name for constant in checkpoint.constants if constant.assumed]
    lines = {
        "architecture": checkpoint.architecture,
        "size": f"{shape.n_layers} layers, {heads}, width {shape.d_model:,}",
        "vocabulary": f"{shape.vocab_size:,} tokens",
        "parameters": f"{checkpoint.n_parameters:,}",
        "stored as": ", ".join(checkpoint.dtypes),
        "step": "not recorded" if checkpoint.step is None else f"{checkpoint.step:,}",
        "not recognised": f"{len(checkpoint.unrecognised)} tensors",
    }
    if assumed:
        lines["assumed"] = ", ".join(assumed)
    return lines


def _listed(lines: Mapping[str, str]) -> str:
    """Return names and values in two columns, as HTML."""
    cells = "".join(
        f'<dt style="opacity:0.7;font-weight:400;padding:0">{escape(name)}</dt>'
        f'<dd style="margin:0;padding:0">{escape(value)}</dd>'
        for name, value in lines.items()
    )
    grid = "display:grid;grid-template-columns:max-content 1fr;gap:0.15rem 1rem"
    return f'<dl style="{grid};margin:0;padding:0;font-size:0.92rem">{cells}</dl>'
