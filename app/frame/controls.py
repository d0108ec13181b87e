"""Choices on a page, kept in its address: a copied link reopens the same view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from ngpt_inspect.figures import FIGURES, Choice

FEW = 4
"""Values that are shown side by side; more become a box to pick from."""

Value = TypeVar("Value")


def choose(
    label: str,
    values: Sequence[Value],
    key: str,
    *,
    say: Callable[[Value], str] = str,
    help: str | None = None,
) -> Value:
    """Draw a choice of one; return it.

    Parameters
    ----------
    label
        What is chosen.
    values
        At least one. The first is the default, and stands in for what the address asks in vain.
    key
        Names the choice in the address.
    say
        Turns a value into its text, on the page and in the address.
    help
        One line that appears beside the label.
    """
    named = {say(value): value for value in values}
    texts = list(named)
    shared: dict[str, Any] = {"key": key, "help": help, "bind": "query-params"}
    if st.session_state.get(key) not in (None, *texts):
        del st.session_state[key]  # chosen while another checkpoint was open
    if len(texts) <= FEW:
        chosen = st.segmented_control(label, texts, default=texts[0], required=True, **shared)
    else:
        chosen = st.selectbox(label, texts, **shared)
    return named.get(chosen or texts[0], values[0])


def switch(label: str, key: str, *, help: str | None = None) -> bool:
    """Draw a choice of on or off, off by default."""
    return st.toggle(label, key=key, help=help, bind="query-params")


def choose_options(name: str, *, key: str = "", without: Sequence[str] = ()) -> dict[str, Any]:
    """Draw the choices that a figure declares, side by side; return them as `draw` takes them.

    Parameters
    ----------
    name
        The figure's name in `FIGURES`.
    key
        Goes before the options' names in the address, where two figures share a page.
    without
        Options that the page chooses by itself. Those that take any whole number are left out
        too: only a page knows how many layers there are.
    """
    offered = [
        option for option in FIGURES[name].options if option.values and option.name not in without
    ]
    if not offered:
        return {}
    with st.container(horizontal=True):
        return {option.name: _option(option, f"{key}{option.name}") for option in offered}


def in_words(name: str) -> str:
    """Return the name of an option as a label: capital first, no underscores."""
    return name[:1].upper() + name[1:].replace("_", " ")


def _option(option: Choice, key: str) -> Any:
    label = in_words(option.name)
    if set(option.values) == {False, True} and not option.values[0]:
        return switch(label, key, help=option.help)
    return choose(label, option.values, key, help=option.help)
