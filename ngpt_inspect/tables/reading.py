"""Reads a table back from the file it was written to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import InspectError, MissingLibrary, UnreadableFile
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.tables.rows import INTEGERS, TEXTS, tidy
from ngpt_inspect.vocabulary import COLUMNS, Status

Row = dict[str, Any]


def _csv(path: Path) -> pd.DataFrame:
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return _typed([{name: cell or None for name, cell in row.items()} for row in rows])


def _json(path: Path) -> pd.DataFrame:
    return _typed(json.loads(path.read_text(encoding="utf-8")))


def _jsonl(path: Path) -> pd.DataFrame:
    return _typed([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])


def _typed(rows: list[Row]) -> pd.DataFrame:
    """Return rows as columns of the types that `measure` gives."""
    there = [name for name in COLUMNS if rows and name in rows[0]]
    columns = {name: [row[name] for row in rows] for name in there}
    return pd.DataFrame({name: _column(name, cells) for name, cells in columns.items()})


def _column(name: str, cells: list[Any]) -> Any:
    if name in INTEGERS:
        return pd.array([None if cell is None else int(cell) for cell in cells], dtype="Int64")
    if name in TEXTS:
        return pd.array(cells, dtype="str")
    return [float("nan") if cell is None else float(cell) for cell in cells]


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError:
        raise MissingLibrary(
            "Parquet needs pyarrow", next_step="pip install 'ngpt-inspect[parquet]'"
        ) from None


DECODERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
"""Suffix -> decoder, of the formats in which tables are written."""


def is_table(path: Path) -> bool:
    """Tell the file of a table by its suffix."""
    return path.suffix.lower() in DECODERS and path.is_file()


def read_table(path: Path) -> pd.DataFrame:
    """Return a tidy table from a file, in the types that `measure` gives.

    Parquet has the `attrs` too. In JSON an infinite condition number is null: it is infinite again
    where its status says so.

    Raises
    ------
    UnreadableFile
        It is no such table, or damaged.
    MissingLibrary
        Parquet without pyarrow.
    """
    try:
        read = DECODERS[path.suffix.lower()](path)
        kinds = dict.fromkeys(INTEGERS, "Int64") | dict.fromkeys(TEXTS, "str")
        whole = tidy(read).astype(kinds | {"value": "float64"})[list(COLUMNS)]
        whole["reason"] = whole["reason"].fillna("")
        lost = whole["value"].isna() & (whole["status"] == Status.RANK_DEFICIENT)
        whole.loc[lost, "value"] = float("inf")
        whole.attrs = dict(read.attrs)
    except InspectError as error:
        if isinstance(error, MissingLibrary):
            raise
        raise UnreadableFile(
            f"is no table of ours ({error.what})",
            where=str(path),
            next_step="name what a measure wrote with -o",
        ) from None
    except Exception as error:  # a damaged file raises many types
        raise UnreadableFile(
            f"cannot be read as a table ({type(error).__name__})",
            where=str(path),
            next_step="name what a measure wrote with -o",
        ) from None
    return whole
