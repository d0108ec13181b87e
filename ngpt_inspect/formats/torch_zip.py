"""A file of torch.save (1.6 or later): listed without torch, read by byte range."""

from __future__ import annotations

from typing import Any

from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._foreign import HEAD, not_supported
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats._opening import open_bytes
from ngpt_inspect.formats._state_dict import (
    SAVE_STATE_DICT,
    NotWeights,
    find_state_dict,
    model_tensors,
    settings,
)
from ngpt_inspect.formats._torch_file import TorchFile
from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.wording import shown

MARK = b"PK\x03\x04"
"""Of a zip file; what is in it is the reader's affair."""


def read_file(place: Place) -> tuple[dict[str, StoredTensor], dict[str, Any]]:
    """Return the tensors of the state dict in one file, and what lies beside it.

    Raises
    ------
    UnreadableFile
        It is no file of torch.save, holds no state dict, is damaged, or would run code.
    """
    stored = open_bytes(place)
    head = stored.head(HEAD)
    if not head.startswith(MARK):
        raise not_supported(place, head)
    file = TorchFile(stored)
    try:
        way = find_state_dict(file.unpickle())
    except NotWeights as error:
        raise file.refuse(shown(str(error), 400), SAVE_STATE_DICT) from error
    state_dict, _ = way[-1]
    tensors: dict[str, StoredTensor] = {
        name: file.tensor(name, pickled) for name, pickled in model_tensors(state_dict).items()
    }
    return tensors, settings(way, file.scalar)


def _accepts(_place: Place, head: bytes) -> bool:
    return head.startswith(MARK)


def _read(place: Place) -> Contents:
    tensors, config = read_file(place)
    return Contents(
        source=str(place),
        format=TORCH_ZIP.name,
        tensors=tensors,
        config=config,
        fingerprint=fingerprint([place]),
    )


TORCH_ZIP = Format(
    name="torch",
    summary="a .pt, .pth or .bin file of torch.save",
    accepts=_accepts,
    read=_read,
)
