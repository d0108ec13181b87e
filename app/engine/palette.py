"""The colour and dash of everything that is open in a session: the same in every figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import streamlit as st

from ngpt_inspect.figures.canvas.theme import NEUTRAL

if TYPE_CHECKING:
    import pandas as pd

PALETTE = "palette"
"""Key of the looks of this session, by label and step, and by label alone."""

Look = tuple[str, str]
"""Colour and dash."""
FOREIGN: Look = (NEUTRAL, "solid")


class Labelled(Protocol):
    """A checkpoint, or what stands for one."""

    @property
    def label(self) -> str:
        """Its name in legends."""
        ...

    @property
    def step(self) -> int | None:
        """Its training step."""
        ...


def set_palette(looks: Mapping[tuple[str, int | None], Look]) -> None:
    """Keep the looks of what is open; steps of a run that are not open look like the first."""
    by_label: dict[Any, Look] = {}
    for (label, _), look in looks.items():
        by_label.setdefault(label, look)
    st.session_state[PALETTE] = by_label | dict(looks)


def look_of(label: str, step: int | None) -> Look | None:
    """Return how a checkpoint looks; None for what is not open in this session."""
    palette = st.session_state.get(PALETTE, {})
    return palette.get((label, step)) or palette.get(label)


def colors_of(checkpoints: Iterable[Labelled]) -> list[str]:
    """Return the colour that each of these has in every figure."""
    return [(look_of(each.label, each.step) or FOREIGN)[0] for each in checkpoints]


@contextmanager
def told_apart(pair: Sequence[Labelled]) -> Iterator[None]:
    """Have the first of two be dashed in what is drawn within, if they have one colour."""
    usual = st.session_state[PALETTE]
    first, second = colors_of(pair)
    if first == second:
        st.session_state[PALETTE] = usual | {(pair[0].label, pair[0].step): (first, "dash")}
    try:
        yield
    finally:
        st.session_state[PALETTE] = usual


def painted(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose checkpoints are drawn as they look in this session."""
    told = [_painted(facts) for facts in table.attrs.get("checkpoints", [])]
    table.attrs = table.attrs | {"checkpoints": told}
    return table


def painted_runs(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a wide table whose runs are drawn as their checkpoints look."""
    out = table.copy(deep=False)
    runs = dict.fromkeys(table["run"]) if "run" in table else {}
    found = {run: look_of(run, None) for run in runs}
    out.attrs = table.attrs | {"looks": {run: look for run, look in found.items() if look}}
    return out


def palette_key() -> tuple[Any, ...]:
    """Return what stands for the looks of this session in keys of caches."""
    return tuple(st.session_state.get(PALETTE, {}).items())


def _painted(facts: Mapping[str, Any]) -> dict[str, Any]:
    look = look_of(facts["label"], facts.get("step"))
    return dict(facts) if look is None else dict(facts) | {"color": look[0], "dash": look[1]}
