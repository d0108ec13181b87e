"""A file of torch.save (1.6 or later): listed without torch, read by byte range."""

from __future__ import annotations

from pathlib import Path

from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats._state_dict import (
    SAVE_STATE_DICT,
    NotWeights,
    find_state_dict,
    model_tensors,
    settings,
)
from ngpt_inspect.formats._text import shown
from ngpt_inspect.formats._torch_file import TorchFile
from ngpt_inspect.stored import Contents


def _accepts(path: Path) -> bool:
    """Tell by the mark of a zip file; what is in it is the reader's affair."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _read(path: Path) -> Contents:
    file = TorchFile(path)
    try:
        way = find_state_dict(file.unpickle())
    except NotWeights as error:
        raise file.refuse(shown(str(error), 400), SAVE_STATE_DICT) from error
    state_dict, _ = way[-1]
    return Contents(
        source=str(path),
        format=TORCH_ZIP.name,
        tensors={
            name: file.tensor(name, pickled) for name, pickled in model_tensors(state_dict).items()
        },
        config=settings(way, file.scalar),
        fingerprint=fingerprint([path]),
    )


TORCH_ZIP = Format(
    name="torch",
    summary="a .pt, .pth or .bin file of torch.save",
    accepts=_accepts,
    read=_read,
)
