"""From what a user names to a place, and from a place to its bytes."""

import io
import os
from os import PathLike
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.formats.places.held import HeldPlace, held_place, path_of
from ngpt_inspect.formats.places.readable import ByteFile
from ngpt_inspect.formats.places.remote import RemotePath
from ngpt_inspect.formats.places.stamped import StampedFile
from ngpt_inspect.places import Place, is_uri


def place_of(source: Any) -> Place:
    """Return the place a path or URI names, or that of bytes or of an open file.

    Raises
    ------
    UnreadableFile
        A URI of a kind that is not read.
    MissingLibrary
        A URI, without the libraries that read it.
    WrongOption
        A source of another kind, or an open file that cannot be read by range.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        source = io.BytesIO(source)
    if hasattr(source, "read"):
        path = path_of(source)
        if path is None:
            return held_place(source)
        source = path
    if not isinstance(source, str | PathLike):
        raise WrongOption(
            f"a {type(source).__name__} is no checkpoint",
            next_step="give a path, a URI, a module, a state dict, an open file or bytes",
        )
    if is_uri(source):
        return RemotePath.of(str(source))
    return Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would lose the names of links


def open_bytes(place: Place) -> ByteFile:
    """Return the bytes of a file.

    Raises
    ------
    UnreadableFile
        A remote file cannot be reached, or only as a whole.
    OSError
        A local one is not there.
    """
    return (
        place.bytes
        if isinstance(place, RemotePath | HeldPlace)
        else StampedFile.of(Path(str(place)))
    )
