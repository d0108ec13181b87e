"""What the page of exports is made of: which figures there are, on paper, as files, and as code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from ngpt_inspect.errors import InspectError, MissingLibrary
from ngpt_inspect.figures import FIGURES, Figure
from ngpt_inspect.figures.canvas.theme import PIXELS_PER_INCH
from ngpt_inspect.places import is_uri
from ngpt_inspect.plotting import code_for, is_checkpoint, require_format

from ...blocks.tables import draw_downloads
from ...engine.answers import answer
from ...engine.loading import ShownFigure, file_of, wide_once
from ...engine.questions import requests
from ...frame.controls import choose, choose_options, in_words
from ...frame.text import plain

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet

KINDS = {
    "pdf": "application/pdf",
    "svg": "image/svg+xml",
    "png": "image/png",
    "html": "text/html",
    "json": "application/json",
}
"""Formats of figures; the first is the default."""
CONFIG = {"displaylogo": False, "showSendToCloud": False, "displayModeBar": False}


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What one figure is drawn from."""

    table: pd.DataFrame
    key: str
    """Names the table."""
    sources: tuple[str, ...]
    """The paths it is of, as they were typed."""


def offered(checkpoints: Sequence[WeightSet], places: Sequence[str]) -> list[Figure]:
    """Return the figures there is something for: of checkpoints, of results, of traces."""
    return [
        each
        for each in FIGURES.values()
        if (_wide(each, places) is not None if each.results else checkpoints)
    ]


def numbers_of(
    chosen: Figure,
    options: Mapping[str, Any],
    checkpoints: Sequence[WeightSet],
    places: Sequence[str],
) -> Numbers | None:
    """Return what a figure is drawn from, or None: it is being measured."""
    if chosen.results:
        wide = _wide(chosen, places)
        return None if wide is None else Numbers(table=wide[0], key=wide[1], sources=wide[2])
    needs = chosen.needs_with(options)
    asked = requests(checkpoints, needs, whole=bool(chosen.singles), roles=chosen.roles)
    found = answer(asked, checkpoints)
    if found is None:
        return None
    sources = tuple(typed(place) for place in places if is_checkpoint(place))
    return Numbers(table=found.table, key=found.key, sources=sources)


def _wide(
    chosen: Figure, places: Sequence[str]
) -> tuple[pd.DataFrame, str, tuple[str, ...]] | None:
    """Return a wide table, its name and its sources; None where there is nothing for it."""
    try:
        table, key, taken = wide_once(chosen.results, places)
    except InspectError:
        return None  # whose page it is says what is wrong with the file
    return None if table.empty else (table, key, tuple(typed(place) for place in taken))


def typed(place: str) -> str:
    """Return a path as one types it where the dashboard was started; an address as it is."""
    if is_uri(place):
        return place
    path = Path(place)
    below = path.is_absolute() and path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd())) if below else str(path)


def choose_all(
    chosen: Figure, checkpoints: Sequence[WeightSet], places: Sequence[str]
) -> dict[str, Any]:
    """Draw every choice of a figure; whole numbers among those that are there."""
    options = choose_options(chosen.name, key=f"{chosen.name}-")
    for option in (option for option in chosen.options if not option.values):
        values = _numbers_there(option.name, chosen, checkpoints, places)
        usual = option.usual if option.usual in values else None
        first = [usual] if usual is not None else [] if option.name == "layer" else [None]
        listed = [*first, *(value for value in values if value != usual)]
        value = choose(
            in_words(option),
            listed or [None],
            f"{chosen.name}-{option.name}",
            say=lambda value: "all" if value is None else str(value),
            help=option.help,
        )
        options |= {} if value is None else {option.name: value}
    return options


def _numbers_there(
    name: str, chosen: Figure, checkpoints: Sequence[WeightSet], places: Sequence[str]
) -> list[int]:
    """Return the layers of checkpoints, or the values of a column of training results."""
    if not chosen.results:
        return list(range(max(each.shape.n_layers for each in checkpoints)))
    wide = _wide(chosen, places)
    column = {"context": "context_length", "token": "position"}.get(name, name)
    there = wide is not None and column in wide[0]
    return sorted(map(int, wide[0][column].dropna().unique())) if wide and there else []


def draw_preview(chosen: Figure, drawn: ShownFigure, width: str) -> None:
    """Draw a figure at the size it has on paper, on white."""
    layout = drawn.figure.layout
    inches = " × ".join(f"{size / PIXELS_PER_INCH:.2f}" for size in (layout.width, layout.height))
    st.caption(f"{chosen.title}: {inches} inches on paper, as it will print.")
    st.container(key="preview").plotly_chart(
        drawn.sent,
        theme=None,
        width="content",
        key=f"preview {chosen.name} {width}",
        config=CONFIG,
        alt=" ".join([f"{chosen.title} as it prints.", chosen.summary, *drawn.notes]),
    )


def draw_files(chosen: Figure, drawn: ShownFigure, look: Sequence[Any], kind: str) -> None:
    """Draw the buttons that download a figure and its table; files are made when asked for."""
    images = True
    try:
        require_format(Path("figure.pdf"))
    except MissingLibrary as error:
        images = False
        st.info(plain(str(error)), icon=":material/image_not_supported:")
    st.markdown("**The figure**")
    with st.container(horizontal=True):
        for each, mime in KINDS.items():
            st.download_button(
                f"**{each.upper()}**" if each == kind else each.upper(),
                data=lambda each=each: file_of(chosen.name, tuple(look), each, drawn.figure),
                file_name=f"{chosen.name}.{each}",
                mime=mime,
                key=f"figure as {each}",
                on_click="ignore",
                disabled=each in ("pdf", "svg", "png") and not images,
                icon=":material/download:",
            )
    st.markdown("**Its table**")
    draw_downloads(drawn.rows, chosen.name)


def draw_code(chosen: Figure, numbers: Numbers, options: Mapping[str, Any], **look: Any) -> None:
    """Draw the Python and the command that give the same figure."""
    code = code_for(chosen.name, numbers.sources, options=options, **look)
    st.subheader("Show me the code", anchor="code")
    st.markdown("A script that draws and saves exactly this figure:")
    st.code(code.python, language="python", wrap_lines=True)
    st.markdown("The same from a shell, with its table beside it:")
    st.code(code.shell, language="bash", wrap_lines=True)
    st.caption("Relative paths start where the dashboard was started.")
