"""Reads a CSV file of results into the columns its table declares, or says what is wrong."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.schema.contract import Column, ColumnKind, Results
from ngpt_inspect.results.schema.frames import DTYPES

FLAGS = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}
FIRST_LINE = 2
"""The header is line 1."""


def read_rows(path: Path) -> list[list[str]]:
    """Return the lines of a CSV file as cells, the header first; empty lines are left out.

    Raises
    ------
    UnreadableFile
        Missing, not UTF-8 text, or without a header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except OSError as error:
        raise _wrong(path, f"cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong(path, f"is not CSV ({error})") from error
    if not rows:
        raise _wrong(path, "is empty")
    return rows


def to_table(path: Path, chosen: Results, rows: list[list[str]]) -> pd.DataFrame:
    """Return lines as a table with the columns of `chosen`, in their order.

    Raises
    ------
    UnreadableFile
        Columns are missing, unknown or twice there, or a cell is not what its column holds.
    """
    header, *lines = rows
    _check_header(path, chosen, header)
    for line, row in enumerate(lines, FIRST_LINE):
        if len(row) != len(header):
            raise _wrong(path, f"line {line} has {len(row)} cells, the header {len(header)}")
    place = {name: at for at, name in enumerate(header)}
    cells = {each.name: [row[place[each.name]] for row in lines] for each in chosen.columns}
    return pd.DataFrame(
        {each.name: _values(path, each, cells[each.name]) for each in chosen.columns}
    )


def provenance(path: Path, rows: int) -> dict[str, Any]:
    """Return what is known of a file: where, which bytes, the settings beside it."""
    beside = path.with_suffix(".json")
    facts = {
        "source": str(path),
        "rows": rows,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    try:
        facts["settings"] = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        facts["settings"] = None
    return facts


def _check_header(path: Path, chosen: Results, header: list[str]) -> None:
    wanted = [column.name for column in chosen.columns]
    missing = [name for name in wanted if name not in header]
    unknown = [name for name in header if name not in wanted]
    twice = sorted({name for name in header if header.count(name) > 1})
    for what, which in (("no column", missing), ("an unknown column", unknown)):
        if which:
            next_step = f"{chosen.name} has the columns {', '.join(wanted)}"
            raise _wrong(path, f"{what} {', '.join(map(repr, which))}", next_step)
    if twice:
        raise _wrong(path, f"the column {', '.join(map(repr, twice))} twice")


def _values(path: Path, column: Column, cells: list[str]) -> Any:
    read = READERS[column.kind]
    values = []
    for line, cell in enumerate(cells, FIRST_LINE):
        try:
            empty = cell.strip() == "" and column.optional
            value = math.nan if empty else read(cell.strip())
        except (ValueError, KeyError, OverflowError):
            raise _cell(path, line, column, cell, f"is no {column.kind}") from None
        if column.among and value not in column.among:
            raise _cell(path, line, column, cell, f"is not one of {', '.join(column.among)}")
        values.append(value)
    return pd.Series(values, dtype=DTYPES[column.kind])


def _whole(cell: str) -> int:
    value = int(cell)
    if value.bit_length() > 63:
        raise ValueError
    return value


READERS: dict[ColumnKind, Callable[[str], Any]] = {
    ColumnKind.TEXT: str,
    ColumnKind.WHOLE: _whole,
    ColumnKind.NUMBER: float,
    ColumnKind.FLAG: FLAGS.__getitem__,
}


def _cell(path: Path, line: int, column: Column, cell: str, what: str) -> UnreadableFile:
    return _wrong(path, f"line {line}, column {column.name!r}: {cell!r} {what}")


def _wrong(path: Path, what: str, next_step: str = "") -> UnreadableFile:
    return UnreadableFile(
        what, where=str(path), next_step=next_step or "name a CSV file of training results"
    )
