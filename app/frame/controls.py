"""Choices on a page, kept in its address: a copied link reopens the same view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from ngpt_inspect.figures import FIGURES, Choice
from ngpt_inspect.naming import meant

from .address import asked, missed
from .parts import take

MOST_LISTED = 12
"""Values that are named where the address asks for one that is not there."""
FEW = 4
"""Values that are shown side by side; more become a box to pick from."""

Value = TypeVar("Value")
ON, OFF = "true", "false"


def choose(
    label: str,
    values: Sequence[Value],
    key: str,
    *,
    say: Callable[[Value], str] = str,
    words: Mapping[str, str] | None = None,
    help: str | None = None,
) -> Value:
    """Draw a choice of one; return it.

    Parameters
    ----------
    label
        What is chosen.
    values
        At least one. The first is the default, and stands in for what the address asks in vain;
        the top of the page then says so.
    key
        Names the choice in the address.
    say
        Turns a value into its text, on the page and in the address.
    words
        What the page calls these texts, where the address is shorter.
    help
        One line that appears beside the label.
    """
    named = {say(value): value for value in values}
    texts = list(named)
    wanted = asked(key)
    if wanted and wanted not in named:
        missed().append(
            f"{label}: {wanted!r} is not here; {meant(wanted, texts, most=MOST_LISTED)}."
        )
    shown = beginning(key, say(already_chosen(label, values, key, say=say)))
    shared: dict[str, Any] = {"key": key, "help": help, "on_change": _take, "args": (key, texts[0])}
    shared["format_func"] = lambda text: (words or {}).get(text, text)
    if len(texts) <= FEW:
        picked = st.segmented_control(label, texts, default=shown, required=True, **shared)
    else:
        picked = st.selectbox(label, texts, index=texts.index(shown or texts[0]), **shared)
    return named.get(picked or texts[0], values[0])


def already_chosen(
    label: str, values: Sequence[Value], key: str, *, say: Callable[[Value], str] = str
) -> Value:
    """Return what `choose` would, for another part of the page: nothing is drawn."""
    wanted = asked(key)
    return next((value for value in values if say(value) == wanted), values[0])


def switch(label: str, key: str, *, usual: bool = False, help: str | None = None) -> bool:
    """Draw a choice of on or off."""
    default = ON if usual else OFF
    on = bool(beginning(key, asked(key, default) == ON))
    return st.toggle(label, on, key=key, help=help, on_change=_take, args=(key, default))


def typed(label: str, key: str, *, usual: str = "", forget: Sequence[str] = (), **look: Any) -> str:
    """Draw a box for a text; `look` as in ``st.text_input``.

    A new text takes the keys of `forget` out of the address: they were chosen for another.
    """
    text = beginning(key, asked(key, usual)) or ""
    return st.text_input(label, text, key=key, on_change=_take, args=(key, usual, forget), **look)


def slide(
    label: str, key: str, low: float, high: float, usual: float, step: float, **look: Any
) -> float:
    """Draw a slider; what the address asks stays within its ends."""
    try:
        wanted = float(asked(key, str(usual)))
    except ValueError:
        wanted = usual
    shown = beginning(key, min(max(wanted, low), high))
    args = (key, str(usual))
    return st.slider(label, low, high, shown, step, key=key, on_change=_take, args=args, **look)


def beginning(key: str, value: Value) -> Value | None:
    """Have the next control show this; return what it begins with, None where it is set to it.

    What a control begins with is told in every run of a page. What it is set to is told in one
    run alone, and a busy server drops that for the next run: a new control would show nothing.
    """
    if st.session_state.get(key, value) == value:
        return value
    st.session_state[key] = value
    return None


def _take(key: str, usual: str, forget: Sequence[str] = ()) -> None:
    """Write to the address what was chosen."""
    value = st.session_state[key]
    text = (ON if value else OFF) if isinstance(value, bool) else str(value)
    gone: dict[str, str | None] = dict.fromkeys(forget)
    take(gone | {key: None if text == usual else text})


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


def in_words(option: Choice) -> str:
    """Return the label of an option: words a stranger knows."""
    return option.label or option.name[:1].upper() + option.name[1:].replace("_", " ")


def _option(option: Choice, key: str) -> Any:
    if set(option.values) == {False, True} and not option.values[0]:
        return switch(in_words(option), key, help=option.help)
    return choose(in_words(option), option.values, key, help=option.help)
