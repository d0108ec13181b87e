"""The training runs among what is open: where they lie, how they go on, all their checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ngpt_inspect.errors import InspectError
from ngpt_inspect.figures.canvas.text import short
from ngpt_inspect.results import holds_weights
from ngpt_inspect.run_status import RunState
from ngpt_inspect.runs import METRICS, log_of, run_of, step_files
from ngpt_inspect.wording import duration, number

from ...engine.loading import open_once, status_once, wide_once
from ...engine.stamps import Stamp, stamp_with_log

if TYPE_CHECKING:
    from ngpt_inspect.run_status import RunStatus
    from ngpt_inspect.weights import WeightSet


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """A training run that is open, as a whole or by one of its checkpoints."""

    folder: Path
    label: str
    checkpoint: WeightSet | None
    """None before its first checkpoint."""


def open_runs(checkpoints: Sequence[WeightSet], places: Sequence[str]) -> list[OpenRun]:
    """Return each run once, in the order of the checkpoints; those without any come last."""
    found: dict[Path, OpenRun] = {}
    for checkpoint in checkpoints:
        folder = run_of(Path(checkpoint.contents.source))
        if folder is not None and folder not in found:
            found[folder] = OpenRun(folder=folder, label=checkpoint.label, checkpoint=checkpoint)
    for path in (Path(place).absolute() for place in places):
        if (path / METRICS).is_file() and path not in found:
            found[path] = OpenRun(folder=path, label=path.name, checkpoint=None)
    return list(found.values())


def in_no_run(checkpoints: Sequence[WeightSet], runs: Sequence[OpenRun]) -> list[WeightSet]:
    """Return the checkpoints that are in none of these runs."""
    folders = {run.folder for run in runs}
    return [each for each in checkpoints if run_of(Path(each.contents.source)) not in folders]


def every_step(run: OpenRun) -> list[WeightSet]:
    """Return all checkpoints of a run, under the name that the open one has.

    Raises
    ------
    InspectError
        One of them cannot be opened.
    """
    return [
        replace(open_once(str(path)), label=run.label) for path in step_files(run.folder).values()
    ]


def readable(runs: Sequence[OpenRun]) -> tuple[list[str], list[str]]:
    """Return the folders whose metrics can be read, and a sentence for each whose cannot."""
    good: list[str] = []
    failures: list[str] = []
    for run in runs:
        if log_of(run.folder) is None:
            failures.append(f"{run.label}: there is no {METRICS} beside its checkpoints.")
            continue
        try:
            wide_once("training_steps", (str(run.folder),))[0]
            good.append(str(run.folder))
        except InspectError as error:
            failures.append(str(error))
    return good, failures


def results_among(places: Sequence[str]) -> list[str]:
    """Return those of these places that hold training results in CSV files."""
    return [
        place
        for place in places
        if not holds_weights(place) and not (Path(place) / METRICS).is_file()
    ]


def share_done(status: RunStatus) -> float | None:
    """Return how much of its schedule a run has taken, from 0 to 1; None where it is unknown."""
    return None if not status.steps else min(status.step / status.steps, 1.0)


def status_in_words(status: RunStatus, now: float) -> str:
    """Say in one line how a run goes on."""
    state = status.state(now)
    of = "" if status.steps is None else f" of {status.steps:,}"
    words = [str(state), f"step {status.step:,}{of}"]
    if status.tokens is not None:
        words.append(f"{short(status.tokens)} tokens")
    if status.seconds is not None:
        words.append(f"{duration(status.seconds)} of training")
    words += _pace(status, state)
    if state is RunState.TRAINING and status.left is not None:
        words.append(f"about {duration(status.left)} left")
    if status.written is not None and state in (RunState.TRAINING, RunState.QUIET):
        words.append(f"last line {duration(max(now - status.written, 0))} ago")
    if not status.saved:
        words.append("no checkpoint yet")
    if status.unfinished_line:
        words.append("its last line is half-written")
    return " · ".join(words)


def _pace(status: RunStatus, state: RunState) -> list[str]:
    """Say how fast a run is now, or was on the whole: steps over the seconds named before it."""
    if state is RunState.TRAINING and status.seconds_a_step:
        return [f"{number(1 / status.seconds_a_step)} steps a second now"]
    if status.seconds and status.step:
        return [f"{number(status.step / status.seconds)} steps a second in the mean"]
    return []


def stamps(runs: Sequence[OpenRun]) -> tuple[Stamp, ...]:
    """Return what changes when a run goes on, without reading it."""
    return tuple(stamp_with_log(run.folder) for run in runs if run.folder.is_dir())


def goes_on(runs: Sequence[OpenRun], now: float) -> bool:
    """Tell whether any run may write more; one that cannot be read may be about to be whole."""
    ended = (RunState.FINISHED, RunState.DIVERGED)
    return any(status is None or status.state(now) not in ended for status in map(_status, runs))


def _status(run: OpenRun) -> RunStatus | None:
    try:
        return status_once(run.folder)
    except InspectError:
        return None
