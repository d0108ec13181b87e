"""The folder of a training run: checkpoints by step, and the log of its losses.

``step-000200.safetensors`` files and ``metrics.jsonl``; or any files or folders that are named
for a step (``checkpoint-500``, ``step1000``, ``epoch=1-step=200.ckpt``), and the
``trainer_state.json`` of Hugging Face's Trainer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from ngpt_inspect.errors import UnreadableFile, WrongOption
from ngpt_inspect.hub_cache import is_cache, model_of, revisions
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.places import Place, is_uri
from ngpt_inspect.trainer_state import TRAINER_STATE, logged_rows

P = TypeVar("P", bound=Place)
METRICS = "metrics.jsonl"
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
STEP_FILE = re.compile(r"step-(\d{1,18})\.safetensors", re.ASCII)
STEP_IN_NAME = re.compile(
    r"(?:^|[-_.=])(?:step|iter)[-_=]?(\d{1,18})(?!\d)"
    r"|(?:^|[-_.])(?:checkpoint|ckpt)[-_](\d{1,18})(?![-_]?\d)"
    r"|^model_(\d{6})$",  # nanochat's
    re.ASCII,
)
STEP_FOLDER = re.compile(r"(?:global_)?(?:step|iter|checkpoint|ckpt)[-_=]?\d", re.ASCII)
"""Begins the name of a folder that says a step and nothing else."""
DEEPEST = 4
"""Folders above a file of weights among which the folder of its run is."""
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".distcp", ".metadata")
"""Endings of files that hold weights, or say where they are."""
OTHER_STATE = re.compile(r"optim|scheduler|scaler|rng|random_states|training_args|train\.|val\.")
"""Beginnings of files that are kept beside the weights."""


def step_of(path: Place) -> int | None:
    """Return the training step a file name tells (``step-000200``, ``checkpoint-500``), or None."""
    found = STEP_IN_NAME.search(path.stem)
    return int(next(filter(None, found.groups()))) if found else None


def step_files(folder: P) -> dict[int, P]:
    """Return the checkpoints of a run by step, first to last; empty for any other folder.

    Files ``step-N.safetensors``; without any, other files or folders that are named for a step,
    if no two are for the same, and none is of another run by what comes before the step; of a
    model in the hub's cache, revisions that are named so.

    Raises
    ------
    UnreadableFile
        Two files are named for the same step.
    """
    if isinstance(folder, Path) and is_cache(folder):
        named = ((step_of(Path(name)), at) for name, at in revisions(folder).items())
        of_cache = {step: at for step, at in named if step is not None}
        return dict(sorted(of_cache.items()))  # type: ignore[arg-type]
    inside = sorted(folder.iterdir(), key=lambda path: path.name)
    exact = [each for each in inside if STEP_FILE.fullmatch(each.name) and each.is_file()]
    found: dict[int, P] = {}
    others = [] if exact else [each for each in inside if _is_step(each)]
    if len({_before_step(each) for each in others}) > 1:
        return {}
    for path in exact or others:
        step = step_of(path)
        assert step is not None, "what is chosen is named for a step"
        if step in found and not exact:
            return {}  # one file of each rank
        if step in found:
            raise UnreadableFile(
                f"{found[step].name} and {path.name} are both step {step}",
                where=str(folder),
                next_step="name one of them",
            )
        found[step] = path
    return dict(sorted(found.items()))


def _is_step(path: Place) -> bool:
    """Tell weights that are named for a step: one file, or a folder that holds some."""
    if step_of(path) is None or path.name.startswith(".") or OTHER_STATE.match(path.name):
        return False
    if path.is_file():
        return path.name.endswith(WEIGHTS)
    return STEP_FOLDER.match(path.name) is not None and holds_weights(path)


def _before_step(path: Place) -> str:
    found = STEP_IN_NAME.search(path.stem)
    return re.sub(r"\d+", "#", path.stem[: found.start()]) if found else ""


def holds_weights(folder: Place, deeper: bool = True) -> bool:
    """Tell a folder with files of weights in it, or in a folder of it, by their names alone."""
    if not folder.is_dir():
        return False
    inside = list(folder.iterdir())
    if any(each.name.endswith(WEIGHTS) and not OTHER_STATE.match(each.name) for each in inside):
        return True
    return deeper and any(holds_weights(each, deeper=False) for each in inside)


def run_of(path: Path) -> Path | None:
    """Return the folder of the run that a path is, is in, or lies in a step of.

    Where a step of a run is a run itself, as DeepSpeed's folder in a Trainer's, the outer one.
    """
    cache = model_of(path)
    if cache is not None:
        return cache if is_run(cache) else None
    for above in reversed(path.parents[:DEEPEST]):
        inside = path.relative_to(above).parts[0]
        if step_of(Path(inside)) is not None and above / inside in _steps(above):
            return above
    if is_run(path):
        return path
    return path.parent if path.is_file() and is_run(path.parent) else None


def _steps(folder: Path) -> list[Path]:
    return list(step_files(folder).values()) if folder.is_dir() else []


def log_of(folder: Path) -> Path | None:
    """Return the file in which a run logs its losses: its own, or that of its last checkpoint."""
    if (folder / METRICS).is_file():
        return folder / METRICS
    places = (each / TRAINER_STATE for each in (folder, *_steps(folder)[-1:]))
    return next((each for each in places if each.is_file()), None)


def is_run(folder: Place) -> bool:
    """Tell whether a folder holds at least one checkpoint of a run."""
    return folder.is_dir() and bool(step_files(folder))


def has_steps(source: object) -> bool:
    """Tell whether a source is the folder of a run on this machine, whose steps can be named."""
    named = isinstance(source, str | PathLike) and not is_uri(source)
    return named and is_run(Path(source))  # type: ignore[arg-type]


def checkpoints_of(source: Any, steps: str) -> Sequence[Any]:
    """Return the checkpoints of a training run that are asked for; other sources as they are.

    Parameters
    ----------
    source
        The folder of a run, or anything else.
    steps
        ``last`` (the folder itself stands for it), ``all``, or ``100,200``, each once.

    Raises
    ------
    WrongOption
        The run has no such step.
    """
    if steps == "last" or not has_steps(source):
        return [source]
    files = step_files(Path(source))
    wanted = list(files if steps == "all" else dict.fromkeys(map(_step, steps.split(","))))
    missing = [step for step in wanted if step not in files]
    if missing:
        raise WrongOption(
            f"no step {missing[0]}",
            where=source,
            next_step=f"there are {', '.join(map(str, files))}",
        )
    return [files[step] for step in wanted]


def _step(word: str) -> int:
    if not word.strip().isdecimal():
        raise WrongOption(
            f"{word!r} is not a whole number",
            where="--steps",
            next_step="say last, all, or 100,200",
        )
    return int(word)


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
