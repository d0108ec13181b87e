"""``trainer_state.json`` of Hugging Face's Trainer: the step, and what was logged on the way."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import UnreadableFile

TRAINER_STATE = "trainer_state.json"
LARGEST = 100_000_000
"""Bytes."""
MOST = 2**53
"""Steps and tokens: more of them no float64 counts."""
COLUMNS = {
    "loss": "train_loss",
    "eval_loss": "validation_loss",
    "learning_rate": "learning_rate",
    "grad_norm": "gradient_norm",
    "num_input_tokens_seen": "tokens",
}
"""Its names, and ours."""
SUMMARY = "train_runtime"
"""In the last entry, of the whole training: its ``train_loss`` is a mean over all steps."""


def facts_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what it says that is one number or word: not its history, which can be long."""
    return {k: v for k, v in state.items() if isinstance(v, str | int | float) or v is None}


def logged_rows(path: Path) -> list[dict[str, Any]]:
    """Return what was logged by step, under the names of `metrics.jsonl`; not numbers: null.

    Raises
    ------
    UnreadableFile
        It is no such file.
    """
    history = _read(path).get("log_history")
    rows: dict[int, dict[str, Any]] = {}
    for entry in history if isinstance(history, list) else ():
        step = entry.get("step") if isinstance(entry, dict) else None
        if type(step) is not int or not 0 <= step < MOST or SUMMARY in entry:
            continue
        row = rows.setdefault(step, {"step": step})
        row |= {COLUMNS[k]: _number(v) for k, v in entry.items() if k in COLUMNS}
    return [rows[step] for step in sorted(rows)]


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and abs(value) < MOST else None


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"larger than {LARGEST} bytes")
        state = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFile(
            f"cannot be read ({str(error).splitlines()[0][:200]})",
            where=str(path),
            next_step="repair it, or move it elsewhere",
        ) from error
    return state if isinstance(state, dict) else {}
