"""The map of what changed, one weight of it beside, and the most changed weights and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ngpt_inspect.comparing import CHANGES, QUANTITIES
from ngpt_inspect.comparing.views import HEADINGS, MOST_ROWS, changed_tokens
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.vocabulary import Kind, Role, roles_of
from ngpt_inspect.wording import number

from ...blocks.cells import BESIDE, LAYER, MAP, ROLE, take_cell
from ...blocks.figures import draw_figure, draw_wide
from ...blocks.tables import draw_downloads, draw_rows, draw_table, headed
from ...engine.loading import texts_once
from ...engine.palette import told_apart
from ...frame.controls import choose
from ...frame.looks import names_of

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

CELLS = "changed cells"
"""Key of the map, which can be clicked."""
ORDER = ("role", "layer", "expert", *HEADINGS, "status", "reason", "tensor")
FEW = 8
"""Rows of a table that need no scrolling."""

Pair = Sequence["WeightSet"]


def choose_quantity() -> str:
    """Draw the choice of what the map shows; return its name."""
    (option,) = FIGURES[CHANGES].options
    return str(choose("How it changed", option.values, "of", words=HEADINGS, help=option.help))


def draw_map(pair: Pair, table: pd.DataFrame, key: str, of: str, role: str, layer: int) -> None:
    """Draw layers by roles, a quantity as colour; a click on a cell looks at its matrix."""
    draw_wide(
        CHANGES,
        table,
        key,
        names_of(pair)[1:],
        options={"of": of},
        title="",
        key=CELLS,
        clicked=partial(take_cell, CELLS),
        width=MAP,
        frame=(layer, role, None),
    )


def choose_weight(weights: pd.DataFrame) -> tuple[str, int] | None:
    """Draw the boxes that say which matrix; the most changed at first, None where there is none."""
    matrices = weights[weights["role"].isin([str(role) for role in roles_of(Kind.MATRIX)])]
    matrices = matrices[matrices["layer"].notna()]
    if matrices.empty:
        st.caption("No matrix of a layer is in both.")
        return None
    st.caption("Click a cell of the map or a row below, or choose here.")
    with st.container(horizontal=True):
        role = choose("Matrix", list(dict.fromkeys(matrices["role"])), ROLE)
        of_role = matrices.loc[matrices["role"] == role, "layer"]
        layer = choose("Layer", list(dict.fromkeys(map(int, of_role))), LAYER)
    return role, layer


def draw_one(pair: Pair, weights: pd.DataFrame, role: str, layer: int) -> None:
    """Draw all numbers of one matrix, and its singular values before and after."""
    here = weights["role"].eq(role) & weights["layer"].eq(layer).fillna(False)
    told = pd.DataFrame({"of this matrix": [*HEADINGS.values(), "status"]})
    for row in weights[here].to_dict("records"):
        expert = "" if pd.isna(row["expert"]) else f" of expert {row['expert']}"
        values = ["" if pd.isna(row[name]) else number(row[name]) for name in HEADINGS]
        told[f"change{expert}"] = [*values, f"{row['status']} {row['reason']}".strip()]
    draw_table(told, alt=f"How {role} of layer {layer} changed", height="content")
    options = {"layer": layer, "role": role, "head": 0}
    with told_apart(pair):
        draw_figure("matrix_spectrum", pair, options=options, title="", width=BESIDE)


def draw_weights(weights: pd.DataFrame, pair: Pair) -> None:
    """Draw a row a weight, the most changed first; a click looks at a matrix."""
    st.subheader("Weights, the most changed first", anchor="weights")
    shown = weights[list(ORDER)].replace({"": None}).dropna(axis="columns", how="all")
    draw_rows(
        shown,
        "changed weights",
        weights[["role", "layer"]].to_dict("records"),
        _matrix_at,
        alt=f"Weights of {names_of(pair)[1]}, the most changed first",
        height=420 if len(shown) > FEW else "content",
        column_config=headed(shown, HEADINGS, QUANTITIES),
    )
    draw_downloads(weights, "changed weights")


def draw_tokens(pair: Pair, table: pd.DataFrame) -> None:
    """Draw the tokens of one embedding that turned most."""
    turned = table.loc[table["measure"] == "row_angle_largest", "role"].unique()
    st.subheader("Tokens, the most turned first", anchor="tokens")
    if not len(turned):
        st.caption("No embedding of both changed.")
        return
    role = choose("Embedding", [each for each in map(str, Role) if each in set(turned)], "turned")
    texts = texts_once(pair[1])
    tokens = changed_tokens(table, role, texts)
    draw_table(
        tokens if len(texts) else tokens.drop(columns="text"),
        alt=f"Tokens of {role} of {names_of(pair)[1]} that turned most",
        height=280 if len(tokens) > FEW else "content",
        column_config=headed(tokens, HEADINGS, QUANTITIES),
    )
    st.caption(f"At most {MOST_ROWS} of them.")
    draw_downloads(tokens, f"turned tokens {role}")


def _matrix_at(place: Mapping[str, Any]) -> dict[str, str]:
    """Return the address of a matrix; vectors and embeddings have no cell."""
    return {} if pd.isna(place["layer"]) else {ROLE: place["role"], LAYER: str(place["layer"])}
