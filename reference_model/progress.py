"""A progress bar where there is a terminal and `rich`, plain lines where there is not."""

import contextlib
import sys
import time
from typing import Any, Literal

Style = Literal["auto", "lines", "none"]

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Shows on stderr how far a run is, its losses and the time that is left.

    Used as a context manager. A bar on a terminal, else lines; runs side by side ask for lines,
    since two bars would draw over each other. Does nothing when `shown` is False or "none".
    """

    def __init__(
        self, label: str, first_step: int, steps: int, shown: Style | bool = "auto"
    ) -> None:
        self.label, self.first_step, self.steps = label, first_step, steps
        self.validation = "-"
        self.started = self.last_line = time.monotonic()
        self.shown = shown not in (False, "none")
        self.bar = _rich_bar() if self.shown and shown != "lines" else None

    def __enter__(self) -> "Progress":
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task(
                self.label, total=self.steps, completed=self.first_step, losses=""
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def update(self, step: int, train_loss: float, validation_loss: float | None) -> None:
        """Tell of one finished step."""
        if validation_loss is not None:
            self.validation = f"{validation_loss:.3f}"
        losses = f"loss {train_loss:.3f}  validation {self.validation}"
        if self.bar:
            self.bar.update(self.task, completed=step, losses=losses)
        elif self.shown:
            self._line(step, losses)

    def _line(self, step: int, losses: str) -> None:
        now = time.monotonic()
        if now - self.last_line < SECONDS_BETWEEN_LINES and step < self.steps:
            return
        self.last_line = now
        left = (now - self.started) / (step - self.first_step) * (self.steps - step)
        say(f"{self.label}  step {step}/{self.steps}  {losses}  {clock(left)} left")


def say(message: str) -> None:
    """One line to the user, on stderr; a log that takes no more is no reason to stop training."""
    with contextlib.suppress(OSError):
        sys.stderr.write(message + "\n")
        sys.stderr.flush()


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def _rich_bar() -> Any:
    if not sys.stderr.isatty():
        return None
    try:
        from rich import progress
        from rich.console import Console
    except ImportError:
        return None
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[losses]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(elapsed_when_finished=False),
        console=Console(stderr=True),
    )
