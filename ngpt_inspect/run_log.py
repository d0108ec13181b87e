"""The log of a training run: losses and the like by step, as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.runs import METRICS, log_of, run_of
from ngpt_inspect.trainer_state import TRAINER_STATE, logged_rows

METRIC_COLUMNS = (
    "step",
    "tokens",
    "train_loss",
    "validation_loss",
    "learning_rate",
    "gradient_norm",
    "seconds",
)
"""Columns every table of metrics has; what else a run logs comes after them."""
LARGEST_INTEGER = 63
"""Bits, without the sign."""


def read_metrics(folder: Path) -> pd.DataFrame:
    """Return the metrics a run has logged, one row a line.

    A last line that is only half written, as happens while training goes on, is left out and
    its number kept in ``attrs["unfinished_line"]``. Missing values are NaN.

    Raises
    ------
    UnreadableFile
        There is no such file, or a line is not an object of numbers with a step.
    """
    path = log_of(folder) or folder / METRICS
    if path.name == TRAINER_STATE:
        return metrics_table(logged_rows(path))
    try:
        *lines, last = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UnreadableFile(
            f"cannot be read ({error.strerror or error})",
            where=str(path),
            next_step="name the folder of a training run",
        ) from error
    rows = [_row(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]
    unfinished = _append_last(last, len(lines) + 1, path, rows)
    table = metrics_table(rows)
    if unfinished:
        table.attrs["unfinished_line"] = unfinished
    return table


def losses_of(path: Path) -> pd.DataFrame:
    """Return the lines with a validation loss of the run that a checkpoint is of, by step.

    Empty where it is of none, or none is logged.

    Raises
    ------
    UnreadableFile
        As `read_metrics`.
    """
    folder = run_of(path)
    logged = metrics_table([]) if folder is None or log_of(folder) is None else read_metrics(folder)
    return logged.dropna(subset="validation_loss").sort_values("step", kind="stable")


def metrics_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return lines of a log as a table with `METRIC_COLUMNS`, then whatever else they hold."""
    extra = [key for row in rows for key in row if key not in METRIC_COLUMNS]
    table = pd.DataFrame(rows, columns=[*METRIC_COLUMNS, *dict.fromkeys(extra)])
    return table.astype({key: "int64" if key == "step" else "float64" for key in METRIC_COLUMNS})


def elapsed(metrics: pd.DataFrame) -> pd.Series[float]:
    """Return the seconds of training up to each line of `read_metrics`, in order of steps.

    NaN from the first step on that has no line or no time: a sum over a gap would be too small.
    """
    known = (metrics["step"] == np.arange(1, len(metrics) + 1)) & metrics["seconds"].notna()
    return metrics["seconds"].cumsum().where(known.cummin())


def diverged(metrics: pd.DataFrame) -> pd.Series[bool]:
    """Tell the steps of one run without a finite loss or gradient norm, if it logs them.

    A validation loss without a learning rate is of a step between two that were logged.
    """
    both = ["train_loss", "gradient_norm"]
    logged = [name for name in both if metrics[name].notna().any()]
    lost = metrics[logged or both].isna().any(axis="columns")
    rate = metrics["rate" if "rate" in metrics else "learning_rate"]
    return lost & ~(rate.isna() & metrics["validation_loss"].notna())


def _append_last(line: bytes, number: int, path: Path, rows: list[dict[str, Any]]) -> int:
    """Add the line after the last newline; return its number when it is unfinished, else 0."""
    if not line.strip():
        return 0
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return number
    rows.append(_row(line, number, path))
    return 0


def _row(line: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if b"\\u" in line:
            json.dumps(row, ensure_ascii=False).encode()  # half a character is none
    except (ValueError, RecursionError) as error:
        raise _bad_line("is not JSON", number, path) from error
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        raise _bad_line("is not an object with a whole number as its step", number, path)
    if not all(_can_be_written(key) for key in row):
        raise _bad_line("has a key that is no text", number, path)
    for key in METRIC_COLUMNS:
        value = row.get(key)
        if value is not None and type(value) not in (int, float):
            raise _bad_line(f"has a {key} that is not a number", number, path)
        if type(value) is int and value.bit_length() > LARGEST_INTEGER:
            raise _bad_line(f"has a {key} that is too large", number, path)
    return row


def _can_be_written(text: str) -> bool:
    """Tell text from half of a surrogate pair, which JSON allows and no table holds."""
    return text.encode(errors="replace").decode() == text


def _bad_line(what: str, number: int, path: Path) -> UnreadableFile:
    return UnreadableFile(
        f"line {number} {what}", where=str(path), next_step="correct or delete that line"
    )
