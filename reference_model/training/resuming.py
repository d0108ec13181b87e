"""Whether the run that a folder holds is the one asked for, and taking it up where it stopped."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from reference_model.checkpoint import RESUME_FILE, load_resume_state
from reference_model.config import CADENCE, GPTConfig, NGPTConfig, TrainConfig
from reference_model.errors import UsageError
from reference_model.training.metrics import METRICS_FILE
from reference_model.training.state import restore_state
from reference_model.training.trainer import Trainer


def settings_of(trainer: Trainer) -> dict[str, Any]:
    """Return everything that decides the numbers of a run, to compare on resume."""
    training = trainer.config.to_dict() | {"precision": trainer.precision}
    return {
        "architecture": trainer.model.architecture,
        **trainer.model.config.to_dict(),
        **{name: value for name, value in training.items() if name not in CADENCE},
        "data": trainer.data.fingerprint,
    }


def take_up(trainer: Trainer, out: Path, resume: bool) -> None:
    """Put the trainer where the run in the folder is, or leave it at step 0 if there is none.

    Raises
    ------
    UsageError
        If the run in the folder has other settings, or is to be left alone.
    """
    state = load_resume_state(out)
    if state is None:
        _refuse_remains(out)
        return
    found, asked = _completed(state["settings"], trainer, out), settings_of(trainer)
    different = sorted(k for k in found.keys() | asked.keys() if found.get(k) != asked.get(k))
    if different:
        listed = ", ".join(f"{k}={found.get(k)!r} not {asked.get(k)!r}" for k in different)
        msg = f"{out} holds a run with {listed}; choose another --out or the same settings"
        raise UsageError(msg)
    step, steps = state["step"], trainer.config.steps
    if not resume and 0 < step < steps:
        raise UsageError(
            f"{out} holds a run at step {step} of {steps}; "
            "add --resume to continue it, or choose another --out"
        )
    restore_state(trainer, state)


def _completed(found: dict[str, Any], trainer: Trainer, out: Path) -> dict[str, Any]:
    """Give the settings of a resume file the defaults of fields that are younger than the file.

    Raises
    ------
    UsageError
        If it has fields that are younger than this code.
    """
    classes = (GPTConfig, NGPTConfig, TrainConfig)
    known = {field.name for cls in classes for field in fields(cls)} | settings_of(trainer).keys()
    if unknown := sorted(found.keys() - known):
        raise UsageError(
            f"{out / RESUME_FILE}: settings {', '.join(unknown)} are unknown; the file was written "
            "by a newer version of reference_model: update this one, or choose another --out"
        )
    filled: dict[str, Any] = {}
    for cls in (type(trainer.model.config), TrainConfig):
        names = {field.name for field in fields(cls)} - set(CADENCE)
        filled |= cls.from_dict({k: v for k, v in found.items() if k in names}).to_dict()
    return {k: v for k, v in filled.items() if k not in CADENCE} | found


def _refuse_remains(out: Path) -> None:
    """Raise UsageError for results of a run that cannot be continued: they would be mixed up."""
    for remains in (*sorted(out.glob("step-*.safetensors")), out / METRICS_FILE):
        if remains.exists():
            raise UsageError(
                f"{out} holds {remains.name} of an earlier run but no {RESUME_FILE} to continue it "
                "from; choose another --out, or delete the folder"
            )
