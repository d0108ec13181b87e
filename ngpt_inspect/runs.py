"""The folder of a training run: checkpoints by step, and where its log is.

``step-000200.safetensors`` files and ``metrics.jsonl``; or any files or folders that are named
for a step (``checkpoint-500``, ``step1000``, ``epoch=1-step=200.ckpt``), and the
``trainer_state.json`` of Hugging Face's Trainer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from ngpt_inspect.errors import UnreadableFile, WrongOption
from ngpt_inspect.hub_cache import is_cache, model_of, revisions
from ngpt_inspect.places import Place, is_uri
from ngpt_inspect.trainer_state import TRAINER_STATE

P = TypeVar("P", bound=Place)
METRICS = "metrics.jsonl"
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
