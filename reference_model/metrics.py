"""``metrics.jsonl``: one strict JSON object per step, never a broken or repeated line."""

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from reference_model.files import write_text_atomically

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
    """

    def __init__(self, folder: Path, last_step: int) -> None:
        self.path = folder / METRICS_FILE
        kept = [line for line in _lines(self.path) if _step(line) in range(1, last_step + 1)]
        write_text_atomically(self.path, "".join(f"{line}\n" for line in kept))
        self.file: TextIO = self.path.open("a", encoding="utf-8")

    def append(self, metrics: StepMetrics) -> None:
        """Add one line and hand it to the system, so that others can follow the run."""
        self.file.write(metrics.to_json() + "\n")
        self.file.flush()

    def sync(self) -> None:
        """Put all lines on the disk: called before the resume file claims their steps."""
        os.fsync(self.file.fileno())

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def read_metrics(folder: Path) -> list[dict[str, float | None]]:
    """Lines of a run's ``metrics.jsonl`` as dicts, in order of steps."""
    return [json.loads(line) for line in _lines(folder / METRICS_FILE)]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _step(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 0
