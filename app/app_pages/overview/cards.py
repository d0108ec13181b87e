"""One card a checkpoint: what can be said of it before any tensor is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.plotting import colors
from ngpt_inspect.summary.facts import tokens_of

from ...frame.sidebar import chip

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

A_ROW = 3
"""Cards side by side."""


def draw_cards(checkpoints: Sequence[WeightSet]) -> None:
    """Draw one card a checkpoint."""
    shown = list(zip(checkpoints, colors(checkpoints), strict=True))
    width = min(len(shown), A_ROW)
    for first in range(0, len(shown), width):
        # A row of columns of its own: cards of one row begin at one height.
        cards = zip(st.columns(width), shown[first : first + width], strict=False)
        for column, (checkpoint, color) in cards:
            with column.container(border=True, height="stretch"):
                _draw_card(checkpoint, color)


def _draw_card(checkpoint: WeightSet, color: str) -> None:
    st.html(chip(checkpoint.label, color, checkpoint.family, checkpoint.step))
    st.html(_listed(facts(checkpoint)))
    assumed = [constant for constant in checkpoint.constants if constant.assumed]
    if assumed:
        with st.expander(f"Constants assumed: {len(assumed)}", icon=":material/help:"):
            st.html(_listed({each.name: f"{each.value:.4g}, {each.origin}" for each in assumed}))
    if checkpoint.unrecognised:
        title = f"Tensors not recognised: {len(checkpoint.unrecognised)}"
        with st.expander(title, icon=":material/help:"):
            st.code("\n".join(checkpoint.unrecognised), language=None)


def facts(checkpoint: WeightSet) -> dict[str, str]:
    """Return name and value of each line of a card."""
    shape = checkpoint.shape
    heads = "heads unknown" if shape.n_heads is None else f"{shape.n_heads} heads"
    if shape.n_kv_heads not in (None, shape.n_heads):
        heads += f" ({shape.n_kv_heads} for keys and values)"
    width = "" if shape.d_model is None else f", width {shape.d_model:,}"
    rows = shape.vocab_size
    vocabulary = {} if rows is None else {"vocabulary": f"{rows:,} tokens"}
    tokens = tokens_of(checkpoint)
    lines = {
        "layout": checkpoint.architecture,
        "size": f"{shape.n_layers} layers, {heads}{width}",
        **vocabulary,
        "parameters": f"{checkpoint.n_parameters:,}",
        "stored as": ", ".join(checkpoint.dtypes),
        "step": "not recorded" if checkpoint.step is None else f"{checkpoint.step:,}",
        "trained on": "not recorded" if tokens is None else f"{tokens:,} tokens",
    }
    if shape.n_experts is not None:
        lines["experts"] = f"{shape.n_experts} a layer"
    if not checkpoint.unrecognised:
        lines["tensors"] = "all recognised"
    return lines


def _listed(lines: Mapping[str, str]) -> str:
    """Return names and values in two columns, as HTML."""
    cells = "".join(
        f'<dt style="opacity:0.7;font-weight:400;padding:0">{escape(name)}</dt>'
        f'<dd style="margin:0;padding:0;overflow-wrap:anywhere">{escape(value)}</dd>'
        for name, value in lines.items()
    )
    grid = "display:grid;grid-template-columns:max-content 1fr;gap:0.15rem 0.8rem"
    return f'<dl style="{grid};margin:0;padding:0;font-size:0.92rem">{cells}</dl>'
