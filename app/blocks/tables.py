"""Tables on a page: how they look, what a search leaves of them, and all their rows as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from ngpt_inspect.tables.export import encode

from ..engine.loading import PREVIEW, ShownFigure
from ..frame.parts import take

if TYPE_CHECKING:
    import pandas as pd

Id = TypeVar("Id")

FILES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "json": "application/json"}


@st.fragment
def draw_numbers(drawing: ShownFigure, key: str, alt: str) -> None:
    """Draw the table of a figure, to be opened: its first rows, and all of them as files.

    They travel when it is opened, and then alone: a page has a dozen of them.
    """
    numbers = st.expander("The numbers", key=f"numbers {key}", on_change="rerun")
    if numbers.open:
        with numbers:
            draw_table(drawing.first_rows, alt=f"First rows of {alt}")
            draw_downloads(drawing.rows, key)


def draw_table(
    rows: pd.DataFrame, *, alt: str, height: int = 280, most: int = PREVIEW, **more: Any
) -> Any:
    """Draw the first rows of a table, without its index; `more` as in ``st.dataframe``.

    Whoever reads sorts and searches among these rows alone: `most` says how many there are.
    """
    shown = rows.head(most)
    shown.attrs = {}
    look = {"hide_index": True, "height": height, "placeholder": ""} | more
    return st.dataframe(shown, alt=alt, **look)


def draw_rows(
    rows: pd.DataFrame,
    name: str,
    ids: Sequence[Id],
    wanted: Callable[[Id], Mapping[str, str]],
    **more: Any,
) -> None:
    """Draw all of a table; a click on a row takes into the address what is wanted of its id.

    `more` as of `draw_table`. What is clicked is known by its place: other rows, or the same in
    another order, are another table, in which nothing is.
    """
    key = f"{name} {sha256(repr(ids).encode()).hexdigest()}"

    def clicked() -> None:
        for row in st.session_state[key].selection.rows:
            take(wanted(ids[row]))

    more |= {"most": len(rows), "on_select": clicked, "selection_mode": "single-row"}
    draw_table(rows, key=key, **more)


def draw_downloads(rows: pd.DataFrame, name: str) -> None:
    """Draw a button for each format a table can be had in; files are made when asked for."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for kind, mime in FILES.items():
            st.download_button(
                kind.upper() if kind != "parquet" else "Parquet",
                data=lambda kind=kind: encode(rows, kind),
                file_name=f"{name.replace(' ', '_')}.{kind}",
                mime=mime,
                key=f"{kind} {name}",
                on_click="ignore",
                icon=":material/download:",
            )
        st.caption(f"{len(rows):,} rows")


def headed(
    table: pd.DataFrame,
    names: Mapping[str, str],
    helps: Mapping[str, str],
    **formats: str,
) -> dict[str, object]:
    """Return how columns are written: a short heading, the formula as help, numbers in digits."""
    return {
        name: st.column_config.NumberColumn(
            names.get(name, name),
            help=helps.get(name),
            format=formats.get(name) or ("%.4g" if table[name].dtype == "float64" else None),
        )
        if table[name].dtype.kind in "fiu"
        else st.column_config.Column(names.get(name, name), help=helps.get(name))
        for name in table.columns
    }


def matching(table: pd.DataFrame, columns: Sequence[str], words: str) -> pd.Series:
    """Tell which rows have all of these words in some of these columns."""
    texts = table[list(columns)].astype(object).fillna("").astype(str)
    lines = texts.agg(" ".join, axis="columns").str.lower()
    wanted = words.lower().split()
    return lines.map(lambda line: all(word in line for word in wanted)).astype(bool)
