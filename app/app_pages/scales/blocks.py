"""What the page of learned scales is made of: one vector, its ends, and where values come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.tables.learned import LEARNED, constants, ends, formulas
from ngpt_inspect.vocabulary import OUTSIDE_LAYERS, Kind, Role, roles_of

from ...blocks.figures import draw_figure
from ...blocks.tables import draw_table
from ...engine.answers import ask_all
from ...frame.controls import choose
from ...frame.text import plain

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

ROW = 35
"""Pixels of a row of a table."""
N_ENDS = 10
"""Values shown at either end of a vector."""
SHOWN = {Kind.EIGEN_LEARNING_RATE: ("eigen_learning_rates", "eigen_learning_rate")}
"""Measure and quantity by kind of vector; all others are scaling factors."""


def draw_gains(checkpoints: Sequence[WeightSet]) -> None:
    """Draw the norm gains of GPTs, if there are any, and say what they have to do with it."""
    gains = roles_of(Kind.GAIN)
    having = [each for each in checkpoints if set(each.roles) & set(gains)]
    if not having:
        return
    st.subheader("Norm gains of a GPT")
    names = " and ".join(plain(each.label) for each in having)
    st.markdown(
        f"{names}: a GPT has no eigen learning rates and no scaling factors. The gains of its "
        "norms are their nearest relatives: one learned factor for each coordinate of what a "
        "block reads."
    )
    draw_figure("norm_gains", having, title="")


def draw_vector(checkpoints: Sequence[WeightSet]) -> None:
    """Draw every value of one vector that is chosen by role and layer, and its ends."""
    st.subheader("One vector, value by value", anchor="coordinates")
    there = [role for role in LEARNED if any(role in each.roles for each in checkpoints)]
    with st.container(horizontal=True):
        role = choose("Vector", there, "vector", say=str)
        layers = range(max(each.shape.n_layers for each in checkpoints))
        layer = 0 if role in OUTSIDE_LAYERS else choose("Layer", layers, "layer")
    st.caption(f"{role.facts.symbol}: {role.facts.meaning}", unsafe_allow_html=True)
    selected = {"roles": [str(role)], "layers": None if role in OUTSIDE_LAYERS else [layer]}
    options = {"role": str(role), "layer": layer}
    draw_figure("coordinates", checkpoints, title="", options=options, **selected)
    _draw_ends(checkpoints, role, **selected)


def _draw_ends(
    checkpoints: Sequence[WeightSet],
    role: Role,
    roles: Sequence[str],
    layers: Sequence[int] | None,
) -> None:
    measure, quantity = SHOWN.get(role.facts.kind, ("scaling_factors", "scaling_factor"))
    table = ask_all(checkpoints, [measure], whole=True, roles=roles, layers=layers)
    if table is None:
        return
    found = ends(table, quantity, N_ENDS).dropna(axis="columns", how="all")
    what = "token id" if role is Role.S_Z else "coordinate"
    st.markdown(f"**The {N_ENDS} largest and smallest values** with their {what}")
    named = {"largest_index": f"{what} (largest)", "smallest_index": f"{what} (smallest)"}
    draw_table(
        found,
        alt=f"Largest and smallest values of {role} with their {what}",
        height=_height(len(found)),
        column_config=named,
    )


def draw_formulas(checkpoints: Sequence[WeightSet]) -> None:
    """Draw how stored values become effective ones, and where each constant came from."""
    st.subheader("Where these values come from", anchor="formulas")
    st.markdown(
        "Models store these vectors at another scale than they use them, so that the optimiser "
        "moves all of them at one pace. Everywhere here values are **effective**: stored · init "
        "/ scale (arXiv 2410.01131, section 2.5), |·| for eigen learning rates. The constants "
        "are not weights: each was *read* from the file, *assumed*, or *given*."
    )
    table = formulas(checkpoints).drop(columns="constants")
    draw_table(
        table,
        alt="Formula and factor of each learned vector",
        height=_height(len(table)),
        column_config={
            "effective": "effective value",
            "factor": st.column_config.NumberColumn("× stored", format="%.6g"),
            "starts_at": st.column_config.NumberColumn("starts at", format="%.6g"),
        },
    )
    found = constants(checkpoints)
    if not found.empty:
        draw_table(found, alt="Value and origin of each constant", height=_height(len(found)))


def _height(n_rows: int) -> int:
    """Return the pixels of a table that shows all its rows, if they are not too many."""
    return min(ROW * (n_rows + 1) + 3, 16 * ROW)
