"""Writes a table as CSV, strict JSON, JSON lines or Parquet."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import InspectError, MissingLibrary
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.naming import named
from ngpt_inspect.tables.rows import Measured, records
from ngpt_inspect.vocabulary import COLUMNS

CSV_ROWS = 20_000


def to_csv(table: pd.DataFrame | Measured) -> bytes:
    """Return CSV with a header; null cells are empty, infinite values ``inf``."""
    if isinstance(table, Measured):
        data = io.BytesIO()
        with io.TextIOWrapper(data, encoding="utf-8", newline="") as text:
            lines = csv.writer(text, lineterminator=os.linesep)
            lines.writerow(COLUMNS)
            lines.writerows(table.rows())
            text.flush()
            return data.getvalue()
    starts = range(0, max(len(table), 1), CSV_ROWS)
    pieces = (
        table.iloc[start : start + CSV_ROWS].to_csv(index=False, header=start == 0).encode()
        for start in starts
    )
    return b"".join(pieces)  # piece by piece: the whole text is never there twice


def to_json(table: pd.DataFrame | Measured) -> bytes:
    """Return one JSON list of row objects. NaN and infinity are null: `status` says which."""
    return (json.dumps(_rows(table), ensure_ascii=False, allow_nan=False) + "\n").encode()


def to_jsonl(table: pd.DataFrame | Measured) -> bytes:
    """Return one JSON object a line, as `to_json`."""
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in _rows(table))
    return "".join(lines).encode()


def to_parquet(table: pd.DataFrame | Measured) -> bytes:
    """Return Parquet; `attrs` travel along.

    Raises
    ------
    MissingLibrary
        Without pyarrow.
    """
    frame = table.frame if isinstance(table, Measured) else table
    try:
        return bytes(frame.to_parquet(None, index=False))
    except ImportError:
        raise MissingLibrary(
            "Parquet needs pyarrow", next_step="pip install 'ngpt-inspect[parquet]'"
        ) from None


ENCODERS: dict[str, Callable[[pd.DataFrame | Measured], bytes]] = {
    "csv": to_csv,
    "json": to_json,
    "jsonl": to_jsonl,
    "parquet": to_parquet,
}
"""Format name -> encoder; the names are the file suffixes too."""


def encode(table: pd.DataFrame | Measured, format_name: str) -> bytes:
    """Return a table in one of the formats of `ENCODERS`.

    Raises
    ------
    WrongOption
        There is no such format.
    """
    return named(format_name, ENCODERS, "format")(table)


UNFINISHED: set[Path] = set()
"""What is being written: whoever ends this process at once removes it."""


def require_place(path: Path) -> None:
    """Refuse a file that cannot be there, before what goes into it is computed.

    Raises
    ------
    InspectError
        It is a folder, or its folder is missing.
    """
    if path.is_dir():  # also "."
        raise InspectError("is a folder", where=str(path), next_step="name a file in it")
    if not path.parent.is_dir():
        raise _unwritable(path, os.strerror(errno.ENOENT))


def _unwritable(path: Path, why: str | None) -> InspectError:
    return InspectError(
        f"cannot be written ({why})",
        where=str(path),
        next_step="give a path in a folder that exists and is writable",
    )


DESCRIPTORS = {"/dev/stdout": 1, "/dev/stderr": 2}


def _descriptor(path: Path) -> int | None:
    """Return which of this process's open files a path names, or None."""
    folder, number = str(path.parent), path.name
    of_process = folder in ("/dev/fd", "/proc/self/fd") and number.isdecimal()
    return int(number) if of_process else DESCRIPTORS.get(str(path))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, where a link leads; a pipe or a device is written into.

    What this process has open (``/dev/stdout``) goes on where it is.

    Raises
    ------
    InspectError
        The folder is missing or cannot be written to.
    """
    if not path.name:  # "."
        raise InspectError("is a folder", where=str(path), next_step="name a file in it")
    target, descriptor = Path(os.path.realpath(path)), _descriptor(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    UNFINISHED.add(temporary)
    try:
        try:
            if descriptor is not None:
                with os.fdopen(os.dup(descriptor), "wb") as file:
                    file.write(data)
            elif path.exists() and not path.is_file():  # it must stay what it is
                path.write_bytes(data)
            else:
                temporary.write_bytes(data)
                temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
            UNFINISHED.discard(temporary)
    except OSError as error:
        raise _unwritable(path, error.strerror) from None


def _rows(table: pd.DataFrame | Measured) -> list[dict[str, Any]]:
    """Return rows of what JSON has words for: null for missing, NaN and infinite."""
    return [
        {name: None if _is_nonfinite(value) else value for name, value in row.items()}
        for row in records(table)
    ]


def _is_nonfinite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
