"""How checkpoints look on every page: their colour, their name, their chip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet


def is_dark() -> bool:
    """Tell whether this session looks at a dark page."""
    return st.context.theme.type == "dark"


def names_of(checkpoints: Sequence[WeightSet]) -> list[str]:
    """Return what tells checkpoints apart: the label, or label and step."""
    times = Counter(each.label for each in checkpoints)
    return [
        each.label if times[each.label] == 1 else f"{each.label} @ step {each.step}"
        for each in checkpoints
    ]


def chip(label: str, color: str, family: str, step: int | None) -> str:
    """Return a checkpoint's name with its colour, family and step, as HTML."""
    at = "" if step is None else f" · step {step:,}"
    dot = f'<span aria-hidden="true" style="color:{color};font-size:1.2em">●</span> '
    return (
        f'<div style="overflow-wrap:anywhere">{dot if color else ""}<b>{escape(label)}</b> '
        f'<span style="opacity:0.75">{escape(family)}{at}</span></div>'
    )
