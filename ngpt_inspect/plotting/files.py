"""Figures into files: one, or all of them with the numbers they were drawn from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from html import unescape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.figures import FIGURES, Figure
from ngpt_inspect.figures.canvas.render import IMAGES, SUFFIXES, one_browser, render, require_format
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.naming import named, several
from ngpt_inspect.paper import ablation_sheets, to_latex, to_markdown
from ngpt_inspect.plotting.choices import figure_named, measured_with, shared_out, width_chosen
from ngpt_inspect.plotting.gathering import Choices, measured_for
from ngpt_inspect.plotting.joining import drawn_rows
from ngpt_inspect.plotting.wide import is_checkpoint, wide_of
from ngpt_inspect.results import listed, training_results
from ngpt_inspect.tables import Progress, Source, opened, summarise
from ngpt_inspect.tables.export import to_csv, write_bytes

if TYPE_CHECKING:
    import plotly.graph_objects as go

ABLATIONS = "ablations"
"""Name under which `save_figures` writes the tables of ablations."""


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
        Another suffix, or no figure.
    MissingLibrary
        An image is asked for and kaleido, or Chrome or Chromium, is not there.
    InspectError
        The file cannot be written.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> print(ni.save_figure(ni.figure("unit_norm", "runs/ngpt"), "figures/unit_norm.html"))
    figures/unit_norm.html
    """
    if not hasattr(drawing, "layout"):
        raise WrongOption(
            f"a {type(drawing).__name__} is no figure", next_step="give what `figure` returned"
        )
    path = Path(path)
    _write(path, rendered(drawing, path.suffix, title=path.stem))
    return path


def rendered(drawing: go.Figure, kind: str, *, title: str = "figure") -> bytes:
    """Return what `save_figure` writes, without a file.

    Parameters
    ----------
    drawing
        What `figure` returns.
    kind
        One of html, pdf, png, svg, json, with or without a dot.
    title
        Of the HTML page, which has one.

    Raises
    ------
    WrongOption, MissingLibrary
        As `save_figure`.
    """
    suffix = f".{kind.lstrip('.').lower()}"
    require_format(Path(f"{title}{suffix}"))
    return render(drawing, suffix, title)


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
    """All its formats, and the CSV it was made from; empty when there was nothing to draw."""
    notes: tuple[str, ...]
    """What is missing from it and why, in plain text."""

    def __str__(self) -> str:
        """Name the files, or say why there are none."""
        what = " ".join(map(str, self.files)) or f"{self.name}: nothing to draw"
        return f"{what} ({' '.join(self.notes)})" if self.notes else what


def save_figures(
    sources: Source | Sequence[Source],
    folder: str | PathLike[str],
    formats: str | Sequence[str] = ("pdf", "png"),
    *,
    names: str | Sequence[str] | None = None,
    width: int | str | None = None,
    layers: int | Sequence[int] | None = None,
    roles: str | Sequence[str] | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    **options: Any,
) -> list[Drawn]:
    """Draw figures (all by default) into a folder, each beside the CSV it was drawn from.

    Every measure is taken once. A figure with nothing to show is not written; what is
    returned says why. The tables of ablations are written as Markdown, LaTeX and CSV.

    Parameters
    ----------
    sources
        Checkpoints, folders of training runs (both as in `measure`), training results (as in
        `training_results`) and traces (as in `path`), in any mixture: each figure takes what it
        can draw.
    layers, roles, device, progress
        As in `measure`.
    folder
        Made when it is not there.
    formats
        Any of html, pdf, png, svg, json.
    names
        Figures to draw; ``ablations`` names the tables.
    width
        As in `figure`.
    **options
        Choices that figures declare, each for those that declare it; then settings of the
        measures they need.

    Raises
    ------
    WrongOption
        No such figure, format, width or option.
    MissingLibrary
        An image is asked for without what makes images; as in `save_figure`.
    InspectError
        As in `measure`, `training_results`, `path` and `save_figure`.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> drawn = ni.save_figures(["runs/gpt", "runs/ngpt"], "figures", "html", names="unit_norm")
    >>> [str(path) for path in drawn[0].files]
    ['figures/unit_norm.html', 'figures/unit_norm.csv']
    """
    wanted = [*FIGURES, ABLATIONS] if names is None else several(names, what="a figure")
    chosen = [figure_named(name) for name in wanted if name != ABLATIONS]
    kinds = {suffix[1:]: suffix for suffix in SUFFIXES}
    suffixes = [
        named(each.lstrip(".").lower(), kinds, "figure format")
        for each in several(formats, what="a format")
    ]
    if not (wanted and suffixes):
        raise WrongOption("nothing to draw is named", next_step="name a figure and a format")
    for suffix in suffixes:
        require_format(Path(f"figure{suffix}"))
    settings = measured_with(chosen, options)
    choices = shared_out(chosen, {k: v for k, v in options.items() if k not in settings})
    size, places = width_chosen(width), listed(sources)
    settings |= {"layers": layers, "roles": roles, "device": device, "progress": progress}
    table = _measured([(each, choices[each.name]) for each in chosen], places, settings)
    drawn = []
    with one_browser() if set(suffixes) & set(IMAGES) else nullcontext():
        for each in chosen:
            asked = names is not None
            rows = wide_of(each.results, places, asked=asked) if each.results else table
            drawn.append(_draw_one(each, rows, choices[each.name], size, Path(folder), suffixes))
    return drawn + ([_write_ablations(places, Path(folder))] if ABLATIONS in wanted else [])


def _measured(
    chosen: Sequence[tuple[Figure, Choices]], places: Sequence[Source], settings: dict[str, Any]
) -> pd.DataFrame | None:
    """Measure, once, what the figures of checkpoints need; None without any checkpoint."""
    of_measures = [(figure, options) for figure, options in chosen if not figure.results]
    found = [place for place in places if is_checkpoint(place)]
    if not (of_measures and found):
        return None
    return summarise(measured_for(of_measures, opened(found), **settings))


def notes_of(drawing: go.Figure) -> tuple[str, ...]:
    """Return in plain text what a figure's footnotes say is missing from it."""
    notes = drawing.layout.meta["notes"]
    return tuple(unescape(re.sub("<sub>(.*?)</sub>", r"_\1", note)) for note in notes)


def _draw_one(
    chosen: Figure,
    table: pd.DataFrame | None,
    options: dict[str, Any],
    size: dict[str, int],
    folder: Path,
    suffixes: Sequence[str],
) -> Drawn:
    if table is None:
        return Drawn(name=chosen.name, files=(), notes=("No checkpoint is among the sources.",))
    rows = drawn_rows(chosen, table, options)
    drawing = chosen.draw(rows, **options, **size)
    notes = notes_of(drawing)
    if not drawing.data:
        return Drawn(name=chosen.name, files=(), notes=notes)
    files = [save_figure(drawing, folder / f"{chosen.name}{suffix}") for suffix in suffixes]
    source = folder / f"{chosen.name}.csv"
    _write(source, to_csv(rows))
    return Drawn(name=chosen.name, files=(*files, source), notes=notes)


def _write_ablations(places: Sequence[Source], folder: Path) -> Drawn:
    """Write Tables 4 to 6 as Markdown, LaTeX and CSV."""
    rows = training_results("ablation_losses", places)
    if rows.empty:
        notes = ("No results of ablations are among the sources.",)
        return Drawn(name=ABLATIONS, files=(), notes=notes)
    sheets = ablation_sheets(rows)
    texts = {
        ".md": "\n".join(to_markdown(sheet) for sheet in sheets).encode(),
        ".tex": "\n".join(to_latex(sheet) for sheet in sheets).encode(),
        ".csv": to_csv(rows),
    }
    for suffix, text in texts.items():
        _write(folder / f"{ABLATIONS}{suffix}", text)
    files = tuple(folder / f"{ABLATIONS}{suffix}" for suffix in texts)
    return Drawn(name=ABLATIONS, files=files, notes=tuple(rows.attrs["remarks"]))
