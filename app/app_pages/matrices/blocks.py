"""The heat map of heads and the view of one matrix, as a page shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ngpt_inspect.figures import FIGURES
from ngpt_inspect.figures.drawing.choices import GROUPS
from ngpt_inspect.tables.matrix_views import matrices_of, matrix_facts, n_heads_of
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.wording import number

from ...blocks.cells import BESIDE, HEAD, LAYER, MAP, ROLE, take_cell
from ...blocks.figures import draw_figure
from ...blocks.tables import draw_downloads, draw_table, headed
from ...engine.answers import answer_all
from ...engine.loading import derived
from ...frame.controls import already_chosen, choose, choose_options, switch
from ...frame.looks import names_of
from ...frame.text import plain

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

CURVES, HEADS = "condition numbers", "heads"
"""Keys of the two figures whose points can be clicked."""
MEASURED = ("condition_numbers", "normalized_condition_numbers", "singular_values")
SHORT = {
    "condition_number": "κ",
    "normalized_condition_number": "κ normalised",
    "sigma_max": "σ max",
    "sigma_min": "σ min",
    "stable_rank": "stable rank",
    "effective_rank": "effective rank",
}


CIRCUIT_FACTS = {
    "circuit_condition_number": "κ",
    "circuit_stable_rank": "stable rank",
    "circuit_effective_rank": "effective rank",
}


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The matrix that is looked at."""

    layer: int
    role: str
    head: int | None
    """None where the matrix has no heads, or nothing says how many."""

    @property
    def place(self) -> tuple[int, str, int | None]:
        """Layer, role and head."""
        return self.layer, self.role, self.head

    @property
    def where(self) -> dict[str, Any]:
        """What is measured of it."""
        return {"layers": [self.layer], "roles": [self.role]}

    @property
    def name(self) -> str:
        """What it is called."""
        part = "whole" if self.head is None else f"head {self.head}"
        return f"{self.role} of layer {self.layer}, {part}"


def draw_curves(checkpoints: Sequence[WeightSet]) -> None:
    """Draw condition numbers by layer; a click on a point chooses its matrix."""
    renormalised = switch(
        "GPT renormalised",
        "renormalised",
        help="Beside it, dotted, after giving the vectors of each matrix length 1, as nGPT does.",
    )
    name = "normalized_condition_numbers" if renormalised else "condition_numbers"
    options = choose_options(name)
    draw_figure(name, checkpoints, options=options, key=CURVES, clicked=partial(take_cell, CURVES))


def draw_heads(checkpoints: Sequence[WeightSet], chosen: Chosen | None) -> None:
    """Draw the heat map, the chosen cell in a frame; a click on a cell chooses its matrix."""
    (option,) = FIGURES["head_condition_numbers"].options
    values = list(option.values)
    if chosen is not None and chosen.role in map(str, GROUPS["mlp"]):
        values.sort(key=lambda value: value != "mlp")  # what is looked at is on the map
    shown = choose("Matrices", values, "shown", help=option.help)
    draw_figure(
        "head_condition_numbers",
        checkpoints,
        options={option.name: shown},
        title="",
        key=HEADS,
        clicked=partial(take_cell, HEADS),
        width=MAP,
        frame=None if chosen is None else chosen.place,
    )


def draw_elsewhere(checkpoints: Sequence[WeightSet], chosen: Chosen) -> None:
    """Draw κ of the same matrix, and the same head of it, in every layer."""
    found = answer_all(checkpoints, ["condition_numbers"], roles=[chosen.role])
    if found is None:
        return
    key = (found.key, chosen.role, chosen.head)
    wide = derived("elsewhere", key, lambda: _elsewhere(found.table, checkpoints, chosen.head))
    if wide.empty:
        return
    head = "" if chosen.head is None else f", head {chosen.head}"
    st.caption(f"κ of {plain(chosen.role)}{head} in every layer")
    draw_table(
        wide,
        alt=f"Condition number of {chosen.role}{head} in every layer",
        height="content" if len(wide) < 8 else 280,
        column_config=headed(wide.drop(columns="layer"), {}, {}),
    )


def _elsewhere(
    table: pd.DataFrame, checkpoints: Sequence[WeightSet], head: int | None
) -> pd.DataFrame:
    """Return κ with a row a layer and a column a checkpoint."""
    rows = table[(table["measure"] == "condition_number") & table["statistic"].isna()]
    rows = rows[rows["head"].isna() if head is None else rows["head"].eq(head)]
    wide = _named(rows, checkpoints).pivot_table(
        index="layer", columns="name", values="value", aggfunc="max", sort=False
    )
    return wide.sort_index().reset_index()


def _named(rows: pd.DataFrame, checkpoints: Sequence[WeightSet]) -> pd.DataFrame:
    """Return rows with what each checkpoint is called here."""
    names = _names_of(checkpoints)
    told = [names(*each) for each in zip(rows["checkpoint"], rows["step"], strict=True)]
    return rows.assign(name=told)


def draw_matrix(checkpoints: Sequence[WeightSet]) -> None:
    """Draw the map of all heads, one matrix beside it, and the same matrix elsewhere below."""
    on_the_left, beside = st.columns(2, gap="medium")
    with beside:
        st.header("One matrix", anchor="matrix")
        chosen = choose_matrix(checkpoints)
        if chosen is not None:
            draw_facts(checkpoints, chosen)
    with on_the_left:
        st.header("By layer and head", anchor="heads")
        draw_heads(checkpoints, chosen)
        if chosen is not None:
            draw_elsewhere(checkpoints, chosen)
            draw_circuits(checkpoints, chosen)


def choose_matrix(checkpoints: Sequence[WeightSet]) -> Chosen | None:
    """Draw the boxes that say which matrix; None where there is no matrix at all."""
    if not matrices_of(checkpoints):
        st.caption("None of these checkpoints has a matrix that was recognised.")
        return None
    st.caption("Click a cell of the map or a point below, or choose here.")
    with st.container(horizontal=True):
        return _matrix(checkpoints, choose)


def _matrix(checkpoints: Sequence[WeightSet], pick: Callable[..., Any]) -> Chosen | None:
    """Return the matrix that is looked at; `pick` is `choose`, or `already_chosen`."""
    roles = matrices_of(checkpoints)
    if not roles:
        return None
    n_layers = max(checkpoint.shape.n_layers for checkpoint in checkpoints)
    layer = pick("Layer", range(n_layers), LAYER)
    role = pick("Matrix", roles, ROLE)
    n_heads = n_heads_of(checkpoints, role)
    head = pick("Head", range(n_heads), HEAD) if n_heads else None
    return Chosen(layer=layer, role=str(role), head=head)


def draw_circuits(checkpoints: Sequence[WeightSet], chosen: Chosen) -> None:
    """Draw what the chosen head computes: κ and ranks of its QK and its OV in every checkpoint."""
    if chosen.head is None:
        return
    found = answer_all(checkpoints, ["circuits"], layers=[chosen.layer])
    if found is None:
        return
    key = (found.key, chosen.head)
    wide = derived("circuits", key, lambda: _circuits(found.table, checkpoints, chosen.head))
    if wide.empty:
        return
    st.caption(f"Circuits of head {chosen.head} of layer {chosen.layer}: QK and OV")
    draw_table(
        wide,
        alt=f"Condition number and ranks of QK and OV of head {chosen.head}",
        height="content",
        column_config=headed(wide.drop(columns=["circuit", "number"]), {}, {}),
    )


def _circuits(
    table: pd.DataFrame, checkpoints: Sequence[WeightSet], head: int | None
) -> pd.DataFrame:
    """Return the numbers of one head with a column a checkpoint."""
    rows = table[table["statistic"].isna() & table["head"].eq(head)]
    rows = rows[rows["measure"].isin(CIRCUIT_FACTS)]
    wide = (
        _named(rows, checkpoints)
        .assign(
            circuit=["QK" if role == Role.W_Q else "OV" for role in rows["role"]],
            number=[CIRCUIT_FACTS[name] for name in rows["measure"]],
        )
        .pivot_table(index=["circuit", "number"], columns="name", values="value", sort=False)
    )
    return wide.reset_index()


def _names_of(checkpoints: Sequence[WeightSet]) -> Callable[[str, Any], str]:
    """Return a function that names the checkpoint of a row."""
    keys = ((each.label, each.step) for each in checkpoints)
    names = dict(zip(keys, names_of(checkpoints), strict=True))
    return lambda label, step: names.get((label, None if pd.isna(step) else int(step)), label)


def draw_facts(checkpoints: Sequence[WeightSet], chosen: Chosen) -> None:
    """Draw the numbers of one matrix, and its singular values, in every checkpoint."""
    # Whole, as the figure of the spectrum asks: one measurement serves both.
    found = answer_all(checkpoints, MEASURED, whole=True, **chosen.where)
    if found is None:
        st.caption("Not measured yet.")
    else:
        key = (found.key, *chosen.place)
        facts = derived("facts", key, lambda: matrix_facts(found.table, *chosen.place))
        draw_table(
            derived("facts turned", key, lambda: _turned(facts, checkpoints)),
            alt=f"Condition number, singular values and ranks of {chosen.name} in each checkpoint",
            height="content",
        )
        draw_downloads(facts, chosen.name)
    head = {} if chosen.head is None else {"head": chosen.head}
    options = {"layer": chosen.layer, "role": chosen.role} | head
    draw_figure("matrix_spectrum", checkpoints, options=options, title="", width=BESIDE)


def _turned(facts: pd.DataFrame, checkpoints: Sequence[WeightSet]) -> pd.DataFrame:
    """Return the same with a column a checkpoint: it fits beside a map."""
    names = _names_of(checkpoints)
    wide = pd.DataFrame({"of this matrix": [*SHORT.values(), "status"]})
    for row in facts.to_dict("records"):
        name = names(row["checkpoint"], row["step"])
        expert = "" if pd.isna(row["expert"]) else f" expert {row['expert']}"
        values = ["" if pd.isna(row[each]) else number(row[each]) for each in SHORT]
        said = (str(row[each]) for each in ("status", "reason") if not pd.isna(row[each]))
        wide[f"{name}{expert}"] = [*values, " ".join(said).strip()]
    return wide


def draw_vectors(checkpoints: Sequence[WeightSet]) -> None:
    """Draw the norms of the vectors of the matrix that is looked at, in every checkpoint."""
    chosen = _matrix(checkpoints, already_chosen)
    if chosen is not None:
        options = {"layer": chosen.layer, "role": chosen.role}
        draw_figure("matrix_vector_norms", checkpoints, options=options, **chosen.where)
