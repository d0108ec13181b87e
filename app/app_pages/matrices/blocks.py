"""The heat map of heads and the view of one matrix, as a page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from ngpt_inspect.figures import FIGURES
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.tables.matrix_views import FACTS, matrices_of, matrix_facts, n_heads_of
from ngpt_inspect.vocabulary import Role

from ...blocks.figures import draw_downloads, draw_figure, draw_table
from ...engine.answers import ask_all
from ...frame.controls import choose

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

CURVES, HEADS = "condition numbers", "heads"
"""Keys of the two figures whose points can be clicked."""
LAYER, ROLE, HEAD = "layer", "role", "head"
"""Keys, in the address too, of the matrix that is looked at."""
MEASURED = ("condition_numbers", "normalized_condition_numbers", "singular_values")
HELP = {
    name: formula
    for each in MEASURED
    for name, formula in MEASURES[each].quantities.items()
    if name in FACTS
}
"""Column -> how it is computed."""
SHORT = {
    "condition_number": "κ",
    "normalized_condition_number": "κ normalised",
    "sigma_max": "σ max",
    "sigma_min": "σ min",
    "stable_rank": "stable rank",
    "effective_rank": "effective rank",
}


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The matrix that is looked at."""

    layer: int
    role: str
    head: int | None
    """None where the matrix has no heads, or nothing says how many."""


def draw_curves(name: str, checkpoints: Sequence[WeightSet], options: dict[str, Any]) -> None:
    """Draw condition numbers by layer; a click on a point chooses its matrix."""
    draw_figure(name, checkpoints, options=options, key=CURVES, clicked=_take_curve)


def draw_heads(checkpoints: Sequence[WeightSet]) -> None:
    """Draw the heat map; a click on a cell chooses its matrix."""
    (option,) = FIGURES["head_condition_numbers"].options
    shown = choose("Matrices", option.values, "shown", help=option.help)
    draw_figure(
        "head_condition_numbers",
        checkpoints,
        options={option.name: shown},
        title="",
        key=HEADS,
        clicked=_take_cell,
    )


def choose_matrix(checkpoints: Sequence[WeightSet]) -> Chosen | None:
    """Draw the boxes that say which matrix; None where there is no matrix at all."""
    roles = matrices_of(checkpoints)
    if not roles:
        st.caption("None of these checkpoints has a matrix that was recognised.")
        return None
    n_layers = max(checkpoint.shape.n_layers for checkpoint in checkpoints)
    st.caption("Click a cell or a point above, or choose here.")
    with st.container(horizontal=True):
        layer = choose("Layer", range(n_layers), LAYER)
        role = choose("Matrix", roles, ROLE)
        n_heads = n_heads_of(checkpoints, role)
        head = choose("Head", range(n_heads), HEAD) if n_heads else None
    return Chosen(layer=layer, role=str(role), head=head)


def draw_matrix(checkpoints: Sequence[WeightSet], chosen: Chosen) -> None:
    """Draw the numbers of one matrix in every checkpoint, its singular values and its norms."""
    where: dict[str, Any] = {"layers": [chosen.layer], "roles": [chosen.role]}
    # Whole, as the figure of the spectrum asks: one measurement serves both.
    table = ask_all(checkpoints, MEASURED, whole=True, **where)
    part = "whole" if chosen.head is None else f"head {chosen.head}"
    name = f"{chosen.role} of layer {chosen.layer}, {part}"
    if table is None:
        st.caption("Not measured yet.")
    else:
        facts = matrix_facts(table, chosen.layer, chosen.role, chosen.head)
        draw_table(
            facts.replace({"": None}).dropna(axis="columns", how="all"),
            alt=f"Condition number, singular values and ranks of {name} in each checkpoint",
            height="content",
            column_config={
                column: st.column_config.NumberColumn(SHORT[column], help=text, format="%.4g")
                for column, text in HELP.items()
            },
        )
        draw_downloads(facts, name)
    options = {"layer": chosen.layer, "role": chosen.role}
    head = {} if chosen.head is None else {"head": chosen.head}
    draw_figure("matrix_spectrum", checkpoints, options=options | head)
    draw_figure("matrix_vector_norms", checkpoints, options=options, **where)


def _take_curve() -> None:
    _take(CURVES)


def _take_cell() -> None:
    _take(HEADS)


def _take(key: str) -> None:
    """Look at the matrix whose point was clicked: its customdata names it."""
    points = st.session_state[key].selection.points
    if not points:
        return
    _, layer, role, head, *_ = points[0]["customdata"]
    st.session_state[LAYER] = str(layer)
    st.session_state[ROLE] = str(Role(role))
    if head is not None:
        st.session_state[HEAD] = str(head)
