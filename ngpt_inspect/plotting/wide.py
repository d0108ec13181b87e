"""Wide tables that a figure can name instead of measures: who makes each, and of which sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ngpt_inspect.comparing import CHANGES, changes
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results import RESULTS, Place, holds_weights, listed, training_results
from ngpt_inspect.tables.rows import frame_of
from ngpt_inspect.traces import COLUMNS, PATH, is_trace, path
from ngpt_inspect.vocabulary import COLUMNS as TIDY


@dataclass(frozen=True, kw_only=True)
class Wide:
    """One table by name."""

    columns: tuple[str, ...]
    make: Callable[[Sequence[Place]], pd.DataFrame]
    """From sources; what is wrong with one of them is an InspectError."""
    takes: Callable[[Place], bool]
    """Whether it is for a source of a mixture."""
    asks: bool = False
    """Whether it is made only where a person names its figure: then of checkpoints in order."""
    call: str
    """How to say it in Python."""


def _of_results(name: str) -> Wide:
    return Wide(
        columns=tuple(column.name for column in RESULTS[name].columns),
        make=lambda sources: training_results(name, sources),
        takes=lambda source: not is_trace(source),
        call=f'training_results("{name}", sources)',
    )


WIDE: dict[str, Wide] = {name: _of_results(name) for name in RESULTS} | {
    PATH: Wide(
        columns=tuple(COLUMNS),
        make=lambda sources: path(list(sources)),  # type: ignore[arg-type]
        takes=is_trace,
        call="path(traces)",
    ),
    CHANGES: Wide(
        columns=TIDY,
        make=lambda sources: changes(list(sources)) if sources else frame_of([]),
        takes=lambda source: is_checkpoint(source),
        asks=True,
        call="changes(before, after)",
    ),
}
"""Every table by name that is not of measures: of training results, of traces, of changes."""


def wide_table(name: str, sources: Place | Sequence[Place]) -> pd.DataFrame:
    """Return a wide table of sources, one or several, that are all meant for it.

    Raises
    ------
    InspectError
        As `training_results` and `path`.
    """
    return WIDE[name].make(listed(sources))


def wide_of(name: str, places: Sequence[Place], *, asked: bool) -> pd.DataFrame:
    """Return a wide table of those sources of a mixture that are for it.

    Where nobody asked for its figure, what came before what is for a person to say.

    Raises
    ------
    InspectError
        As `training_results` and `path`.
    """
    wide = WIDE[name]
    mine = [place for place in places if wide.takes(place)] if asked or not wide.asks else []
    return wide.make(mine)


def checked_columns(figure: str, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table given for a figure, if it is the one the figure draws.

    Raises
    ------
    WrongOption
        A column is missing.
    """
    there = getattr(table, "columns", ())
    missing = [column for column in WIDE[name].columns if column not in there]
    if missing:
        raise WrongOption(
            f"{figure} draws the table {name}, and this has no column {missing[0]}",
            next_step=f"give {WIDE[name].call}",
        )
    return table


def is_checkpoint(source: Place) -> bool:
    """Tell checkpoints from training results and traces; a path that does not exist is one."""
    return not is_trace(source) and holds_weights(source)
