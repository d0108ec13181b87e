"""What went wrong, where, and what to do next: one line each."""

from pathlib import Path


class UsageError(ValueError):
    """A mistake in what was asked for: a bad option, path, or combination of them."""


class WriteError(OSError):
    """The system refused to write a file; what stood there before is untouched."""

    def __init__(self, path: Path, refusal: OSError) -> None:
        reason = refusal.strerror or str(refusal)
        super().__init__(
            f"{path}: cannot be written ({reason}); free space there or choose another folder"
        )


class DivergenceError(RuntimeError):
    """The loss or the gradient stopped being finite, so training was stopped."""


class OutOfTime(Exception):
    """The time given to an experiment is up before it has what it needs; all runs are saved."""


class Interrupted(KeyboardInterrupt):
    """A run that was asked to stop (Ctrl-C, SIGTERM) has saved its state and stopped."""

    def __init__(self, step: int, signal_number: int) -> None:
        super().__init__(f"interrupted after step {step}, which is saved")
        self.exit_code = 128 + signal_number
        """As a shell reports a process that the signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
