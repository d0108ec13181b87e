"""``metrics.jsonl``: one strict JSON object per step, never a broken or repeated line."""

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from reference_model.files import explained, write_text_atomically

METRICS_FILE = "metrics.jsonl"


@dataclass(frozen=True, kw_only=True)
class StepMetrics:
    """What is known of one training step."""

    step: int
    """Counts from 1."""
    tokens: int
    """Training tokens seen, this step's included."""
    train_loss: float
    """Mean cross-entropy of the step's batch before its update, nats per token."""
    validation_loss: float | None
    """The same on held-out text after the update; None at steps that do not measure it."""
    learning_rate: float
    gradient_norm: float
    """Global L2 norm before clipping."""
    seconds: float
    """Wall-clock time of this step: forward, backward, update, normalisation."""

    def to_json(self) -> str:
        """One line of strict JSON: a number that is not finite becomes null."""
        values = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }
        return json.dumps(values, allow_nan=False)


class MetricsFile:
    """The file of one run, continued after `last_step`.

    Lines after `last_step` (of a run killed past its resume file) and a broken last line are cut.

    Raises
    ------
    WriteError
        If the system refuses to write; the file then ends with its last whole line.
    """

    def __init__(self, folder: Path, last_step: int) -> None:
        self.path = folder / METRICS_FILE
        kept = [line for line in _lines(self.path) if _step(line) in range(1, last_step + 1)]
        write_text_atomically(self.path, "".join(f"{line}\n" for line in kept))
        with explained(self.path):
            self.file = self.path.open("ab", buffering=0)

    def append(self, metrics: StepMetrics) -> None:
        """Hand one line to the system in one piece, so that a kill leaves all of it or nothing."""
        line = f"{metrics.to_json()}\n".encode()
        with explained(self.path):
            end = os.fstat(self.file.fileno()).st_size
            try:
                while line:  # a disk with room for a part takes it; the next write says why
                    line = line[self.file.write(line) :]
            except BaseException:
                self.file.truncate(end)
                raise

    def sync(self) -> None:
        """Put all lines on the disk: called before the resume file claims their steps."""
        with explained(self.path):
            os.fsync(self.file.fileno())

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def read_metrics(folder: Path) -> list[dict[str, float | None]]:
    """Whole lines of a run's ``metrics.jsonl`` as dicts, in order of steps."""
    return [json.loads(line) for line in _lines(folder / METRICS_FILE)]


def _lines(path: Path) -> list[str]:
    """Whole lines: what follows the last newline is still being written, or never will be."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return text.split("\n")[:-1]


def _step(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 0
