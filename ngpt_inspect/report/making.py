"""From checkpoints to the file: measured once, drawn, set, and written whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.comparing import CHANGES, changes
from ngpt_inspect.errors import MissingRole
from ngpt_inspect.figures import Figure
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.naming import several
from ngpt_inspect.plotting import colors, figure_named, pictured, self_explaining
from ngpt_inspect.report._document import Told, document
from ngpt_inspect.sameness import remarks_on
from ngpt_inspect.summary import differences, summary_measures, summary_of
from ngpt_inspect.tables import Progress, Source, measure, opened, summarise
from ngpt_inspect.tables.export import require_place, write_bytes
from ngpt_inspect.tables.provenance import provenance
from ngpt_inspect.tables.rows import records
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import WeightSet


def save_report(
    sources: Source | Sequence[Source],
    path: str | PathLike[str],
    *,
    names: str | Sequence[str] | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Path:
    """Write one HTML file with all there is to say of checkpoints; it needs no network.

    It has a card of each, health with the rules behind it, figures that can be hovered over and
    enlarged, differences, what changed from each to the next, what was assumed, how every number is
    computed, and where they are from. It reads on a phone and on paper, on a light and on a dark
    ground.

    Parameters
    ----------
    sources
        What `open_checkpoint` returns, or takes; one or several.
    path
        The file. It appears whole or not at all.
    names
        Figures to draw; by default all those that need no choice of a layer, head or token.
    device, progress
        As in `measure`.

    Raises
    ------
    WrongOption
        No such figure.
    InspectError
        As `measure`, or the file cannot be written.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> print(ni.save_report(["runs/gpt", "runs/ngpt"], "report.html", names="unit_norm"))
    report.html
    """
    require_place(Path(path))
    checkpoints = distinct(opened(sources))
    chosen = figures_for(checkpoints, names)
    table = measure(checkpoints, measures_for(chosen), device=device, progress=progress)
    changed = changed_in(checkpoints, chosen, device=device, progress=progress)
    write_bytes(Path(path), report_of(checkpoints, table, chosen, changed))
    return Path(path)


def figures_for(
    checkpoints: Sequence[WeightSet], names: str | Sequence[str] | None = None
) -> list[Figure]:
    """Return the figures of a report: those named, else all that need no choice.

    Raises
    ------
    WrongOption
        No such figure.
    """
    if names is None:
        return self_explaining(checkpoints)
    return [figure_named(name) for name in several(names, what="a figure")]


def measures_for(chosen: Sequence[Figure]) -> list[str]:
    """Return the measures that a report with these figures takes, each once."""
    needed = (need for figure in chosen for need in figure.needs_with({}))
    return list(dict.fromkeys([*summary_measures(), *needed]))


def changed_in(
    checkpoints: Sequence[WeightSet], chosen: Sequence[Figure], **how: Any
) -> pd.DataFrame | None:
    """Return what changed from each checkpoint to the next, where these figures draw that.

    None where nothing does, or there is nothing to compare.
    """
    if len(checkpoints) < 2 or all(each.results != CHANGES for each in chosen):
        return None
    try:
        return changes(checkpoints, **how)
    except MissingRole:  # none of them holds a weight
        return None


def report_of(
    checkpoints: Sequence[WeightSet],
    table: pd.DataFrame,
    chosen: Sequence[Figure] | None = None,
    changed: pd.DataFrame | None = None,
) -> bytes:
    """Return the file, of checkpoints measured before: nothing is measured here.

    Parameters
    ----------
    checkpoints
        Whose report; labels and steps as in the table.
    table
        Rows of `measures_for` these figures as `measure` gives them, single values included.
    chosen
        The figures; by default all that need no choice.
    changed
        As `changes` returns it; without it the file has no section of changes.

    Raises
    ------
    InspectError
        What is recorded beside the weights cannot be read.
    """
    figures = self_explaining(checkpoints) if chosen is None else list(chosen)
    measures = [MEASURES[name] for name in measures_for(figures)]
    settings = table.attrs.get("settings", {})
    made = {} if changed is None else {CHANGES: changed}
    told = Told(
        checkpoints=list(checkpoints),
        colors=colors(checkpoints),
        facts=summary_of(checkpoints, table),
        differences=differences(checkpoints) if len(checkpoints) > 1 else None,
        measures=measures,
        changed=changed,
        figures=list(pictured(figures, summarise(table), list(checkpoints), made)),
        origin=provenance(records(_telling(table)), list(checkpoints), measures, settings),
        remarks=list(remarks_on(checkpoints)),
    )
    return document(told).encode()


def _telling(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that say what was measured: all that were skipped, else one a weight."""
    place = ["checkpoint", "step", "layer", "role", "expert", "tensor", "status"]
    return table[(table["status"] == Status.SKIPPED) | ~table.duplicated(place)]
