"""Figures into files: one, or all of them with the numbers they were drawn from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from html import unescape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from ngpt_inspect.errors import InspectError
from ngpt_inspect.figures import FIGURES, Figure
from ngpt_inspect.figures._render import IMAGES, one_browser, render, require_format
from ngpt_inspect.gallery.drawing import figure_named
from ngpt_inspect.gallery.rows import drawn_rows
from ngpt_inspect.tables import Source, measure, summarise
from ngpt_inspect.tables.export import to_csv, write_bytes

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def save_figure(drawing: go.Figure, path: str | PathLike[str]) -> Path:
    """Write a figure in the size its layout has; the suffix says how.

    Parameters
    ----------
    drawing
        What `figure` returns.
    path
        Ends in .html (self-contained, works offline), .pdf, .png, .svg or .json. The file
        appears whole or not at all; its folder is made.

    Raises
    ------
    WrongOption
        Another suffix.
    MissingLibrary
        An image is asked for and kaleido, or Chrome or Chromium, is not there.
    InspectError
        The file cannot be written.
    """
    path = Path(path)
    require_format(path)
    _write(path, render(drawing, path))
    return path


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InspectError(
            f"cannot be made ({error.strerror or error})",
            where=str(path.parent),
            next_step="name another folder",
        ) from error
    write_bytes(path, data)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What became of one figure; as a string, one line that says so."""

    name: str
    files: tuple[Path, ...]
    """The figure in each format and the CSV it was drawn from; empty when nothing was drawn."""
    notes: tuple[str, ...]
    """What is missing from it and why, in plain text."""

    def __str__(self) -> str:
        """Name the files, or say why there are none."""
        what = " ".join(map(str, self.files)) or f"{self.name}: nothing to draw"
        return f"{what} ({' '.join(self.notes)})" if self.notes else what


def draw_all(
    checkpoints: Source | Sequence[Source],
    folder: str | PathLike[str],
    formats: Sequence[str] = ("pdf", "png"),
    *,
    names: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> list[Drawn]:
    """Draw figures (all by default) into a folder, each beside the CSV it was drawn from.

    Every measure is taken once. A figure with nothing to show is not written; what is
    returned says why.

    Parameters
    ----------
    checkpoints, layers, device, progress
        As in `measure`.
    folder
        Made when it is not there.
    formats
        Any of html, pdf, png, svg, json.
    names
        Figures to draw.

    Raises
    ------
    WrongOption
        No such figure or format.
    MissingLibrary
        An image is asked for without what makes images; as in `save_figure`.
    InspectError
        As in `measure` and `save_figure`.
    """
    chosen = [figure_named(name) for name in (FIGURES if names is None else names)]
    suffixes = [f".{each.lstrip('.').lower()}" for each in formats]
    for suffix in suffixes:
        require_format(Path(f"figure{suffix}"))
    needs = list(dict.fromkeys(need for each in chosen for need in each.needs))
    table = measure(checkpoints, needs, layers=layers, device=device, progress=progress)
    table = summarise(table)
    with one_browser() if set(suffixes) & set(IMAGES) else nullcontext():
        return [_draw_one(each, table, Path(folder), suffixes) for each in chosen]


def notes_of(drawing: go.Figure) -> tuple[str, ...]:
    """Return in plain text what a figure's footnotes say is missing from it."""
    notes = drawing.layout.meta["notes"]
    return tuple(unescape(re.sub("<sub>(.*?)</sub>", r"_\1", note)) for note in notes)


def _draw_one(chosen: Figure, table: pd.DataFrame, folder: Path, suffixes: Sequence[str]) -> Drawn:
    rows = drawn_rows(chosen, table)
    drawing = chosen.draw(rows)
    notes = notes_of(drawing)
    if not drawing.data:
        return Drawn(name=chosen.name, files=(), notes=notes)
    files = [save_figure(drawing, folder / f"{chosen.name}{suffix}") for suffix in suffixes]
    source = folder / f"{chosen.name}.csv"
    _write(source, to_csv(rows))
    return Drawn(name=chosen.name, files=(*files, source), notes=notes)
