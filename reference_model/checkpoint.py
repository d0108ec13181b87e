"""Weights for inspection, and the one file a run resumes from.

``step-000200.safetensors`` holds the weights as trained, under the paper's names, and stored (not
effective) scalings. Its metadata has one key, ``reference_model``: a JSON string with the model's
config, every init and scale in it as a number, and the settings it is trained with, so that the
file explains itself.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from reference_model.config import GPTConfig, ModelConfig, NGPTConfig, TrainConfig
from reference_model.errors import UsageError
from reference_model.files import write_atomically
from reference_model.fused import fuse
from reference_model.model import GPT, NGPT, build_model
from reference_model.schedule import decay_exposure
from reference_model.settings import Settings

FORMAT_VERSION = 1
METADATA_KEY = "reference_model"
RESUME_FILE = "resume.pt"
RESUME_PARTS = {"settings", "step", "model", "optimizer", "rng"}


@dataclass(frozen=True, kw_only=True)
class CheckpointHeader(Settings):
    """What a checkpoint says about itself."""

    format_version: int
    architecture: str
    config: dict[str, Any]
    step: int
    """Optimiser steps taken."""
    tokens: int
    """Training tokens seen."""
    seed: int
    code_version: str
    training: dict[str, Any] = field(default_factory=dict)
    """The run's `TrainConfig`; empty in files written before it was kept."""
    decay_exposure: float | None = None
    """Sum of learning rate x weight decay over the steps taken; None in files without it."""

    def model_config(self) -> ModelConfig:
        """Rebuild the config the model was made from.

        Raises
        ------
        UsageError
            If the architecture or a field of its config is unknown.
        """
        classes: dict[str, type[ModelConfig]] = {"gpt": GPTConfig, "ngpt": NGPTConfig}
        if self.architecture not in classes:
            msg = f"architecture={self.architecture!r}: choose one of {', '.join(classes)}"
            raise UsageError(msg)
        return classes[self.architecture].from_dict(self.config)


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the weights after `step` steps are kept."""
    return folder / f"step-{step:06d}.safetensors"


def save_checkpoint(
    folder: Path,
    model: GPT | NGPT,
    training: TrainConfig,
    *,
    step: int,
    tokens: int,
    weights: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write the weights after `step` steps into `folder`, atomically; returns the file's path.

    `weights` are the whole tensors of a model whose own are slices.

    Raises
    ------
    WriteError
        If the system refuses.
    """
    header = CheckpointHeader(
        format_version=FORMAT_VERSION,
        architecture=model.architecture,
        config=model.config.to_dict(),
        step=step,
        tokens=tokens,
        seed=training.seed,
        code_version=_code_version(),
        training=training.to_dict(),
        decay_exposure=decay_exposure(training, step),
    )
    metadata = {METADATA_KEY: json.dumps(header.to_dict(), allow_nan=False)}
    weights = model.state_dict() if weights is None else weights
    tensors = {name: tensor.contiguous() for name, tensor in weights.items()}
    path = checkpoint_path(folder, step)
    write_atomically(path, lambda file: write_safetensors(tensors, file, metadata))
    return path


def write_safetensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file; what the system refuses is an OSError, as everywhere."""
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:  # an error of the system arrives here as text
        raise OSError(str(error)) from error


def read_header(path: Path) -> CheckpointHeader:
    """Read a checkpoint's metadata without its tensors.

    Raises
    ------
    UsageError
        If the file is missing, is not safetensors, or was not written by `save_checkpoint`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        msg = f"{path}: cannot be read as safetensors ({error}); name a step-NNNNNN.safetensors"
        raise UsageError(msg) from error
    if METADATA_KEY not in metadata:
        msg = f"{path}: not a reference_model checkpoint (its metadata lacks {METADATA_KEY!r})"
        raise UsageError(msg)
    values = json.loads(metadata[METADATA_KEY])
    if values.get("format_version") != FORMAT_VERSION:
        raise UsageError(
            f"{path}: format version {values.get('format_version')}, but this code reads "
            f"{FORMAT_VERSION}; use the reference_model that wrote it"
        )
    try:
        header = CheckpointHeader.from_dict(values)
        header.model_config()
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return header


def load_model(path: Path, device: str | torch.device = "cpu") -> GPT | NGPT:
    """Build the model of a checkpoint, as it was trained (`fused`), and give it the stored weights.

    Raises
    ------
    UsageError
        As `read_header`.
    """
    config = read_header(path).model_config()
    with torch.random.fork_rng(devices=[]):  # the draw that the weights replace must cost no one
        model = fuse(build_model(config))
    with safe_open(path, framework="pt") as file:
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return model.to(device)


def save_resume_state(folder: Path, state: dict[str, Any]) -> None:
    """Replace the resume file of a run: weights, optimiser, step and settings, all or nothing.

    Raises
    ------
    WriteError
        If the system refuses.
    """
    write_atomically(folder / RESUME_FILE, lambda file: _write_state(state, file))


def _write_state(state: dict[str, Any], path: Path) -> None:
    try:
        with path.open("wb") as file:
            torch.save(state, file)
    except RuntimeError as error:  # torch hides the refusal behind its own "unexpected pos"
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise


def load_resume_state(folder: Path) -> dict[str, Any] | None:
    """Read the resume file of a run, if it has one; tensors and plain values only, no code.

    The tensors are read from the file when they are used: many ranks need not hold them all.

    Raises
    ------
    UsageError
        If the file is damaged or is not one that `save_resume_state` wrote.
    """
    path = folder / RESUME_FILE
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(damaged)
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        if not state.keys() >= RESUME_PARTS:
            raise KeyError(*RESUME_PARTS - state.keys())
    except Exception as error:  # a damaged zip or pickle raises many types
        raise UsageError(
            f"{path}: damaged, or not the resume file of a run; put back a copy of it, "
            "or choose another --out to train anew"
        ) from error
    return state


def _code_version() -> str:
    try:
        return version("ngpt-inspect")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"
