"""Joins tables and figures: the one place that knows both."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from html import unescape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.figures import FIGURES, Figure
from ngpt_inspect.figures._save import IMAGES, one_browser, require_format, save_figure
from ngpt_inspect.figures._screen import for_screen
from ngpt_inspect.figures._theme import shades_and_dashes
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.tables import Source, measure, summarise
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import WeightSet

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = [
    "Drawn",
    "colors",
    "draw_all",
    "drawn_rows",
    "figure",
    "figure_named",
    "for_screen",
    "joined",
    "notes_of",
    "save_figure",
    "thinned",
]


def figure(
    name: str,
    checkpoints: Source | Sequence[Source] | None = None,
    *,
    table: pd.DataFrame | None = None,
    layers: Sequence[int] | None = None,
    roles: Sequence[str] | None = None,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
) -> go.Figure:
    """Draw one figure of checkpoints, or of a table that was measured before.

    Parameters
    ----------
    name
        A name from `FIGURES`.
    checkpoints
        What `open_checkpoint` returns, or takes; one or several. Not needed with a table.
    table
        What `measure` returned for the measures the figure needs, summarised or not. Nothing
        is measured then, and the arguments below do not count.
    layers, roles, device, options
        As in `measure`.

    Raises
    ------
    WrongOption
        No such figure, or neither checkpoints nor a table.
    InspectError
        As in `measure`.
    """
    chosen = figure_named(name)
    if table is None:
        if checkpoints is None:
            raise WrongOption("nothing to draw", next_step="give checkpoints, or table=")
        table = measure(
            checkpoints,
            chosen.needs,
            layers=layers,
            roles=chosen.roles if roles is None else roles,
            device=device,
            **(options or {}),
        )
    return chosen.draw(drawn_rows(chosen, table))


def figure_named(name: str) -> Figure:
    """Return a figure by its name, with underscores or hyphens.

    Raises
    ------
    WrongOption
        There is none; the message lists them.
    """
    found = FIGURES.get(name.replace("-", "_"))
    if found is None:
        raise WrongOption(f"no figure {name!r}", next_step=f"there are {', '.join(FIGURES)}")
    return found


def drawn_rows(chosen: Figure, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows a figure is drawn from: those of its measures and roles, thinned."""
    table = thinned(table)
    quantities = [name for need in chosen.needs for name in MEASURES[need].quantities]
    names = [
        name
        for name in table["measure"].unique()
        if any(name == each or name.startswith(f"{each}_") for each in quantities)
    ]
    roles = table["role"].unique() if chosen.roles is None else chosen.roles
    rows = table[table["measure"].isin(names) & table["role"].isin(list(roles))]
    rows.attrs = dict(table.attrs)
    return rows


def thinned(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with summary rows in the place of the many values behind them.

    This is what a figure's CSV holds and what travels to a browser. What was skipped stays,
    and so do quantities that have no summaries. A table without summary rows gets them.
    """
    quantities = {name for each in MEASURES.values() for name in each.summaries}
    names = set(table["measure"])
    if not all(_has_summary(quantity, names) for quantity in quantities & names):
        table = summarise(table)
    rows = table[~table["measure"].isin(quantities) | (table["status"] == Status.SKIPPED)]
    rows.attrs = dict(table.attrs)
    return rows


def _has_summary(quantity: str, names: set[str]) -> bool:
    return any(name.startswith(f"{quantity}_") for name in names)


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return one table of several, with the provenance of all of them."""
    import pandas as pd

    table = pd.concat(list(tables), ignore_index=True)
    table.attrs = dict(tables[0].attrs)
    listed = [facts for each in tables for facts in each.attrs.get("checkpoints", [])]
    table.attrs["checkpoints"] = list({(c["label"], c["step"]): c for c in listed}.values())
    return table


def colors(checkpoints: Sequence[WeightSet]) -> list[str]:
    """Return the colour each of these checkpoints has in every figure of them all."""
    return [color for color, _ in shades_and_dashes(each.family for each in checkpoints)]


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
    rows.to_csv(source, index=False)
    return Drawn(name=chosen.name, files=(*files, source), notes=notes)
