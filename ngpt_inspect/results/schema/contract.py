"""The contract of this room: a table of training results, read from files or computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ngpt_inspect.later.pandas import pd


class ColumnKind(StrEnum):
    """What the cells of a column hold."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    FLAG = "True or False"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    kind: ColumnKind
    meaning: str
    optional: bool = False
    """Cells may be empty: NaN in the table. Texts may always be."""
    among: tuple[str, ...] = ()
    """The only texts there can be; empty for any."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """One table: either read from files, or computed from another table.

    Adding one file that declares one `Results` adds it to `training_results`.
    """

    name: str
    summary: str
    """One line: what one row is."""
    columns: tuple[Column, ...]
    source: str
    """The figure, table or section of arXiv 2410.01131 it stands behind."""
    files: tuple[str, ...] = ()
    """Names of the CSV files in a folder of results that hold its rows."""
    of_run: Callable[[Path], pd.DataFrame] | None = None
    """Makes its rows from the folder of a training run."""
    young: bool = False
    """Whether a run has rows before its first checkpoint, when nothing says its settings."""
    of: str = ""
    """The table it is computed from; empty for a table that is read."""
    compute: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    """From that table to this one; remarks go into ``attrs["remarks"]``."""
