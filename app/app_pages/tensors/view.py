"""The layout of the page of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.wording import number

from ...blocks.figures import CONFIG
from ...blocks.tables import draw_downloads, draw_rows, matching
from ...engine.palette import colors_of
from ...frame.address import asked
from ...frame.controls import choose, typed
from ...frame.looks import is_dark, names_of
from ...frame.parts import part
from ...frame.session import current
from ...frame.text import plain
from ...frame.welcome import draw_welcome
from .asking import tensors_of, values_of
from .drawing import draw_values

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet

WHOSE, FIND, TENSOR = "tensors_in", "find", "tensor"
SEARCHED = ("tensor", "role", "shape", "dtype", "note")
HEADINGS = {"kappa": "κ", "norm": "‖T‖"}
FORMATS = {"kappa": "%.4g", "norm": "%.4g", "bytes": "bytes"}


def draw() -> None:
    """Draw the table of all tensors, and the values of the one that is chosen."""
    checkpoints = current()
    st.title("Tensors")
    if not checkpoints:
        draw_welcome()
        return
    part("tensors", _draw_tensors, checkpoints)


def _draw_tensors(checkpoints: Sequence[WeightSet]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        named = dict(zip(names_of(checkpoints), checkpoints, strict=True))
        checkpoint = named[choose("Checkpoint", list(named), WHOSE)]
        words = typed("Search", FIND, placeholder="name, role, dtype, shape", width=280)
    table = tensors_of(checkpoint)
    found = table[matching(table, SEARCHED, words)].reset_index(drop=True)
    layout = (
        f"layout {checkpoint.architecture}"
        if checkpoint.architecture != "unknown"
        else ("no known layout: matrices are measured whole, by their name")
    )
    st.caption(plain(f"{checkpoint.label}: {layout}. {len(found):,} of {len(table):,} rows."))
    if found.empty:
        return
    if "norm" not in table or "kappa" not in table:
        st.caption("Norms and condition numbers: not measured yet.")
    draw_rows(
        found.dropna(axis="columns", how="all"),
        "tensor table",
        found["tensor"].tolist(),
        lambda name: {TENSOR: name},
        alt=f"Tensors of {checkpoint.label}",
        height=420 if len(found) > 11 else "content",
        column_config={
            name: st.column_config.NumberColumn(HEADINGS.get(name, name), format=form)
            for name, form in FORMATS.items()
        },
    )
    draw_downloads(found, f"tensors {checkpoint.label}")
    chosen = asked(TENSOR)
    _draw_one(checkpoint, chosen if chosen in checkpoint.contents.tensors else found["tensor"][0])


def _draw_one(checkpoint: WeightSet, name: str) -> None:
    tensor = checkpoint.contents.tensors[name]
    st.subheader(plain(name), anchor="tensor")
    values = values_of(checkpoint, name)
    if values is None:
        st.caption("Not measured: the top of the page says why, or how far it is.")
        return
    shape = " × ".join(map(str, tensor.shape)) or "one number"
    st.caption(
        f"{shape}, {tensor.dtype}, {tensor.n_bytes:,} bytes. {_counted(values, tensor.n_values)}"
    )
    if len(values):
        (color,) = colors_of([checkpoint])
        st.plotly_chart(
            draw_values(values, color, dark=is_dark()),
            theme=None,
            key="values",
            config=CONFIG,
            alt=f"Histogram of the values of {name} of {checkpoint.label}, and its singular values",
        )


def _counted(values: pd.DataFrame, n_values: int) -> str:
    bins = values[values["kind"] == "bin"]
    if bins.empty:
        return "No finite value."
    if n_values == 1:
        return f"Its value is {number(float(bins['x'].iloc[0]))}."
    counted = int(bins["of"].iloc[0])
    some = f"{counted:,} of its values, evenly spread" if counted < n_values else "all its values"
    width = float(values.loc[values["kind"] == "width", "x"].iloc[0])
    return f"Histogram of {some}, in bins of {number(width)}; singular values of a matrix."
