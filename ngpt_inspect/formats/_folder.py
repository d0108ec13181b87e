"""What a folder means: the one file in it that stands for the model."""

from __future__ import annotations

from pathlib import Path

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._text import listed
from ngpt_inspect.runs import is_run, step_files

INDEX = ".safetensors.index.json"
USUAL_NAMES = ("model.safetensors", "pytorch_model.bin", "ckpt.pt")
TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
NOT_MODELS = frozenset(
    f"{stem}{suffix}"
    for stem in ("optimizer", "scheduler", "scaler", "rng_state", "training_args", "train", "val")
    for suffix in TORCH_SUFFIXES
)
"""What trainers keep beside the model, and nanoGPT's tokens."""
LOOKED_FOR = "*.safetensors, a *.safetensors.index.json, *.pt, *.pth, *.bin or *.ckpt"


def find_model(folder: Path) -> Path:
    """Return the file a folder stands for.

    In this order: a safetensors index; the last step of a training run; a usual name
    (``model.safetensors``, ``pytorch_model.bin``, ``ckpt.pt``); the only safetensors file; the
    only torch file.

    Raises
    ------
    UnreadableFile
        None, or several of which none comes first.
    """
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        raise UnreadableFile(
            "is an empty folder",
            where=str(folder),
            next_step="name a checkpoint file or its folder",
        )
    indices = [name for name in names if name.endswith(INDEX)]
    if indices:
        usual = f"model{INDEX}"
        return folder / (usual if usual in indices else _only(indices, folder))
    steps = step_files(folder)
    if steps:
        return steps[max(steps)]
    for name in USUAL_NAMES:
        if name in names:
            return folder / name
    for suffixes in ((".safetensors",), TORCH_SUFFIXES):
        found = [name for name in names if name.endswith(suffixes) and name not in NOT_MODELS]
        if found:
            return folder / _only(found, folder)
    raise _nothing_there(folder, names)


def _only(names: list[str], folder: Path) -> str:
    if len(names) > 1:
        raise UnreadableFile(
            f"holds {len(names)} checkpoints and no index: {listed(names)}",
            where=str(folder),
            next_step="name one of them",
        )
    return names[0]


def _nothing_there(folder: Path, names: list[str]) -> UnreadableFile:
    runs = [name for name in names if is_run(folder / name)]
    if runs:
        return UnreadableFile(
            f"holds no checkpoint itself, but training runs: {listed(runs)}",
            where=str(folder),
            next_step="name one or several of them",
        )
    if ".metadata" in names:
        return UnreadableFile(
            "is a PyTorch distributed checkpoint, not supported here",
            where=str(folder),
            next_step="convert it with torch.distributed.checkpoint.format_utils.dcp_to_torch_save",
        )
    return UnreadableFile(
        f"holds no checkpoint; looked for {LOOKED_FOR}, and found {listed(names)}",
        where=str(folder),
        next_step="name a checkpoint file or its folder",
    )
