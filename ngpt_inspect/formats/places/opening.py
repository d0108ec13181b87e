"""From what a user names to a place, and from a place to its bytes."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from ngpt_inspect.formats.places.readable import ByteFile
from ngpt_inspect.formats.places.remote import RemotePath
from ngpt_inspect.formats.places.stamped import StampedFile
from ngpt_inspect.places import Place, is_uri


def place_of(source: str | PathLike[str]) -> Place:
    """Return the place a path or URI names.

    Raises
    ------
    UnreadableFile
        A URI of a kind that is not read.
    MissingLibrary
        A URI, without the libraries that read it.
    """
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
    return place.bytes if isinstance(place, RemotePath) else StampedFile.of(Path(str(place)))
