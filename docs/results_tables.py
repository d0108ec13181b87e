"""Sections of docs/results.md, from the declarations of the tables of training results."""

from __future__ import annotations

from markdown_table import table

from ngpt_inspect.results import RESULTS
from ngpt_inspect.results.schema.columns import DIVERGED, FACTOR, IDENTITY, RUNS
from ngpt_inspect.results.schema.contract import Column, Results

SHARED = (*IDENTITY, RUNS, DIVERGED, *FACTOR)


def shared() -> str:
    """Return the columns that tables share, with their meaning."""
    return _meanings(SHARED)


def read() -> str:
    """Return a section for each table that is read."""
    return _sections([each for each in RESULTS.values() if not each.of])


def computed() -> str:
    """Return a section for each table that is computed from another."""
    return _sections([each for each in RESULTS.values() if each.of])


def _sections(tables: list[Results]) -> str:
    return "\n\n".join(_section(each) for each in tables)


def _section(chosen: Results) -> str:
    common = [column for column in chosen.columns if column in SHARED]
    own = [column for column in chosen.columns if column not in SHARED]
    parts = [
        f"### {chosen.name}",
        f"{chosen.summary} {_origin(chosen)} Source: {chosen.source}.",
        f"Shared columns: {', '.join(f'`{column.name}`' for column in common)}.",
    ]
    return "\n\n".join([*parts, *([_meanings(own)] if own else [])])


def _origin(chosen: Results) -> str:
    if chosen.of:
        return f"Computed from `{chosen.of}`."
    places = [f"`{name}`" for name in chosen.files]
    places += ["the folders of training runs"] if chosen.of_run else []
    return f"Read from {' and '.join(places)}."


def _meanings(columns: tuple[Column, ...] | list[Column]) -> str:
    return table(
        ("column", "meaning"),
        (
            (f"`{column.name}`", column.meaning + ("; may be empty" if _unsaid(column) else ""))
            for column in columns
        ),
    )


def _unsaid(column: Column) -> bool:
    return column.optional and "empty" not in column.meaning


MAKERS = {"shared columns": shared, "read tables": read, "computed tables": computed}
