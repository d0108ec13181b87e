"""Figures for a document that is read on any screen: which ones, and each in two widths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ngpt_inspect.figures import FIGURES, Figure
from ngpt_inspect.figures.canvas.screen import for_screen
from ngpt_inspect.figures.canvas.theme import ONE_COLUMN, TWO_COLUMNS
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.plotting.files import notes_of, rendered
from ngpt_inspect.plotting.joining import drawn_rows
from ngpt_inspect.plotting.wide import wide_of
from ngpt_inspect.tables import Source
from ngpt_inspect.trackers import LoggedFigure
from ngpt_inspect.weights import WeightSet

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True)
class Pictured:
    """One figure, as a page and as a phone show it."""

    figure: Figure
    wide: go.Figure
    narrow: go.Figure
    notes: tuple[str, ...]
    """What is missing from it and why, in plain text."""


def self_explaining(checkpoints: Sequence[WeightSet]) -> list[Figure]:
    """Return the figures that say something of these checkpoints without a choice of the reader.

    Left out are those of one layer, head or token, those that only put side by side what others
    show one by one, and those over steps where there is one step.
    """
    steps = {(each.label, each.step) for each in checkpoints}
    return _self_explaining(follows=len(steps) > len({label for label, _ in steps}))


def pictures_of(table: pd.DataFrame) -> dict[str, LoggedFigure]:
    """Draw what says something by itself of the table of one checkpoint, for trackers.

    Figures whose measures the table does not hold, and those with nothing to show, are left out.
    """
    there = set(table["measure"].unique())
    chosen = [
        each
        for each in _self_explaining(follows=False)
        if each.needs and all(there & set(MEASURES[need].quantities) for need in each.needs)
    ]
    drawn = {each.name: each.draw(drawn_rows(each, table)) for each in chosen}
    return {
        name: LoggedFigure(figure=figure, png=partial(rendered, figure, "png"))
        for name, figure in drawn.items()
        if figure.data
    }


def _self_explaining(*, follows: bool) -> list[Figure]:
    chosen = [
        each
        for each in FIGURES.values()
        if all(option.values for option in each.options)
        and not any(
            setting.of_tokens and setting.default
            for need in each.needs
            for setting in MEASURES[need].options
        )
        and (follows or not each.over_steps)
    ]
    alone = {each.needs for each in chosen if len(each.needs) == 1}
    return [
        each
        for each in chosen
        if len(each.needs) < 2 or not all((need,) in alone for need in each.needs)
    ]


def pictured(
    chosen: Sequence[Figure],
    table: pd.DataFrame,
    sources: Sequence[Source],
    made: Mapping[str, pd.DataFrame] | None = None,
) -> Iterator[Pictured]:
    """Yield the figures that have something to show, drawn wide and narrow, for the screen.

    Parameters
    ----------
    chosen
        What to draw.
    table
        Of what the figures of measures need, summarised.
    sources
        What training results and traces are taken from.
    made
        Wide tables by name that were made before.

    Raises
    ------
    InspectError
        As `training_results`.
    """
    for each in chosen:
        known = {"": table} | dict(made or {})
        there = known.get(each.results)
        if there is None:
            there = wide_of(each.results, sources, asked=False)
        rows = drawn_rows(each, there)
        wide, narrow = (each.draw(rows, width=width) for width in (TWO_COLUMNS, ONE_COLUMN))
        if wide.data:
            yield Pictured(
                figure=each,
                wide=for_screen(wide, dark=False),
                narrow=for_screen(narrow, dark=False),
                notes=notes_of(wide),
            )
