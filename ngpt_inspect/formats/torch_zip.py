"""A file of torch.save (1.6 or later): listed without torch, read by byte range."""

from collections.abc import Callable
from functools import partial

from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._foreign import HEAD, not_supported
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.formats.torch.archive import LOCAL_MARK
from ngpt_inspect.formats.torch.listing import TorchFile
from ngpt_inspect.formats.torch.state_dict import (
    SAVE_STATE_DICT,
    NotWeights,
    Way,
    find_state_dicts,
    model_tensors,
    settings,
)
from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents, Held
from ngpt_inspect.wording import shown


def read_file(place: Place) -> Held:
    """Return the tensors of the state dict in one file, and what lies beside it.

    Raises
    ------
    UnreadableFile
        As `read_parts`.
    """
    return next(iter(read_parts(place).values()))()


def read_parts(place: Place) -> dict[str, Callable[[], Held]]:
    """Return every state dict in one file by name, the most usual first.

    Raises
    ------
    UnreadableFile
        It is no file of torch.save, holds no state dict, is damaged, or would run code.
    """
    stored = open_bytes(place)
    head = stored.head(HEAD)
    if not head.startswith(LOCAL_MARK):
        raise not_supported(place, head)
    file = TorchFile(stored)
    try:
        found = find_state_dicts(file.unpickle())
    except NotWeights as error:
        raise file.refuse(shown(str(error), 400), SAVE_STATE_DICT) from error
    return {name: partial(_part, file, way) for name, way in found.items()}


def _part(file: TorchFile, way: Way) -> Held:
    state_dict, _ = way[-1]
    tensors = {
        name: file.tensor(name, pickled) for name, pickled in model_tensors(state_dict).items()
    }
    return tensors, settings(way, file.scalar)


def _accepts(_place: Place, head: bytes) -> bool:
    return head.startswith(LOCAL_MARK)


def _read(place: Place) -> Contents:
    parts = read_parts(place)
    tensors, config = next(iter(parts.values()))()
    return Contents(
        source=str(place),
        format=TORCH_ZIP.name,
        tensors=tensors,
        config=config,
        fingerprint=fingerprint([place]),
        parts=parts if len(parts) > 1 else {},
    )


TORCH_ZIP = Format(
    name="torch",
    summary="a .pt, .pth or .bin file of torch.save",
    accepts=_accepts,
    read=_read,
)
