"""How far a training run is and how it goes on, from its files alone."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents
from ngpt_inspect.run_log import diverged, elapsed, metrics_table, read_metrics
from ngpt_inspect.runs import METRICS, log_of, step_files

RECENT = 50
"""Steps whose median time is taken for the time of the next ones."""
QUIET, QUIET_STEPS = 60.0, 20
"""Seconds and times of a step without a line after which a run may have stopped."""


PLANNED = ("reference_model.training.steps", "trainer_state.max_steps")
"""Where a checkpoint says how many steps its schedule has."""


class RunState(StrEnum):
    """What the files of a run let one say of it."""

    TRAINING = "training"
    """A line was written lately."""
    QUIET = "stopped or paused"
    """No line was written for long: files do not tell a dead process from a slow one."""
    FINISHED = "finished"
    """All steps of its schedule are taken."""
    DIVERGED = "diverged"
    """Its last step has no finite loss."""


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """How far a run was when its files were read."""

    folder: Path
    step: int
    """Steps taken: of the last line logged, or of the last checkpoint where none is."""
    steps: int | None
    """Steps of the whole schedule, as the last checkpoint says; None where nothing says so."""
    tokens: int | None
    seconds: float | None
    """Of training so far, without validating and saving; None where a step is not timed."""
    seconds_a_step: float | None
    """Median of the last `RECENT` steps."""
    written: float | None
    """When the last line was written, in seconds since 1970; None without metrics."""
    saved: tuple[int, ...]
    """Steps that have a checkpoint."""
    diverged: bool = False
    unfinished_line: bool = False
    """Whether the last line is half-written: normal while it is being written."""

    def state(self, now: float) -> RunState:
        """Return what the run seems to do, `now` in seconds since 1970."""
        if self.diverged:
            return RunState.DIVERGED
        if self.steps is not None and self.step >= self.steps:
            return RunState.FINISHED
        patience = max(QUIET, QUIET_STEPS * (self.seconds_a_step or 0.0))
        lately = self.written is not None and now - self.written <= patience
        return RunState.TRAINING if lately else RunState.QUIET

    @property
    def left(self) -> float | None:
        """Seconds that the steps left take at the present pace; None where that is not known."""
        if self.steps is None or self.seconds_a_step is None:
            return None
        return max(self.steps - self.step, 0) * self.seconds_a_step


def run_status(folder: Path) -> RunStatus:
    """Return how far the run in a folder is; no checkpoint need be there yet.

    Raises
    ------
    UnreadableFile
        The folder holds neither metrics nor checkpoints, or one of them cannot be read.
    """
    saved = step_files(folder) if folder.is_dir() else {}
    path = log_of(folder)
    if not saved and path is None:
        raise UnreadableFile(
            "is no training run", where=str(folder), next_step=f"name a folder with {METRICS}"
        )
    metrics = read_metrics(folder) if path else metrics_table([])
    metrics = metrics.sort_values("step", kind="stable")
    last = None if metrics.empty else metrics.iloc[-1]
    timed = metrics["seconds"].dropna().tail(RECENT)
    return RunStatus(
        folder=folder,
        step=int(last["step"]) if last is not None else max(saved, default=0),
        steps=_planned(saved),
        tokens=None if last is None or last["tokens"] != last["tokens"] else int(last["tokens"]),
        seconds=None if last is None else _known(float(elapsed(metrics).iloc[-1])),
        seconds_a_step=_known(float(timed.median())),
        written=path.stat().st_mtime if path else None,
        saved=tuple(saved),
        diverged=last is not None and bool(diverged(metrics).iloc[-1]),
        unfinished_line="unfinished_line" in metrics.attrs,
    )


def _planned(saved: dict[int, Path]) -> int | None:
    """Return the steps of the schedule, as the last checkpoint says."""
    if not saved:
        return None
    contents = read_contents(saved[max(saved)])
    told = (contents.lookup(key) for key in PLANNED)
    return next((steps for steps in told if type(steps) is int and steps > 0), None)


def _known(value: float) -> float | None:
    return None if value != value else value  # NaN: a step is not timed
