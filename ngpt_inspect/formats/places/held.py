"""Bytes that somebody holds, or a file that somebody has opened, asked as a place is."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.formats.places.readable import ByteFile
from ngpt_inspect.formats.places.stamped import BLOCK, offsets
from ngpt_inspect.places import MEMORY, PurePlace
from ngpt_inspect.wording import shown

OPEN_AGAIN = "open the file again"


class HeldFile(ByteFile):
    """A stream that can seek; where it stands is left as it was."""

    is_local = True

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._lock = threading.RLock()
        with self._lock:
            before = stream.tell()
            self.size = stream.seek(0, os.SEEK_END)
            stream.seek(before)

    @property
    def where(self) -> str:
        """What it is called in errors."""
        return f"{MEMORY}{self._name}"

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill `buffer` from `offset` on; see `ByteFile.read_into`."""
        self.check_range(offset, buffer.nbytes)
        try:
            with self._lock:
                before = self._stream.tell()
                self._stream.seek(offset)
                data = self._stream.read(buffer.nbytes)
                self._stream.seek(before)
        except (OSError, ValueError) as error:
            raise self.refuse(f"cannot be read ({shown(str(error))})", OPEN_AGAIN) from error
        if len(data) != buffer.nbytes:
            raise self.refuse(f"ended {buffer.nbytes - len(data)} bytes early", OPEN_AGAIN)
        buffer[:] = data

    def identity(self, n_blocks: int) -> Iterator[bytes]:
        """Yield its size and blocks spread evenly through it; see `ByteFile.identity`."""
        yield self.size.to_bytes(8, "little")
        for offset in offsets(self.size, n_blocks):
            yield self.read(offset, min(BLOCK, self.size - offset))


class HeldPlace(PurePlace):
    """A file without a folder: nothing lies beside it."""

    def __init__(self, name: str, file: HeldFile | None) -> None:
        self._name, self._file = name, file

    @property
    def _path(self) -> PurePosixPath:
        return PurePosixPath(self._name)

    @property
    def bytes(self) -> HeldFile:
        """Its bytes."""
        assert self._file is not None, "only what exists is read"
        return self._file

    def __str__(self) -> str:
        """Return what it is called in errors."""
        return f"{MEMORY}{self._path}"

    @property
    def parent(self) -> HeldPlace:
        """A folder that is not there."""
        return HeldPlace(str(self._path.parent), None)

    def __truediv__(self, name: str) -> HeldPlace:
        return HeldPlace(str(self._path / name), None)

    def exists(self) -> bool:
        """Tell whether there is anything here."""
        return self._file is not None

    def is_file(self) -> bool:
        """Tell whether it is a file."""
        return self._file is not None

    def is_dir(self) -> bool:
        """Tell whether it is a folder, which it never is."""
        return False

    def iterdir(self) -> Iterator[HeldPlace]:
        """Yield nothing."""
        return iter(())


def path_of(stream: Any) -> str | None:
    """Return the path of an open file, if that is still the file."""
    name = getattr(stream, "name", None)
    try:
        if isinstance(name, str) and os.path.samestat(os.fstat(stream.fileno()), os.stat(name)):  # noqa: PTH116
            return name
    except (OSError, ValueError, AttributeError):
        return None
    return None


def held_place(stream: Any) -> HeldPlace:
    """Return the place of an open file that has no path.

    Raises
    ------
    WrongOption
        It is opened as text, or cannot seek.
    """
    name = getattr(stream, "name", None)
    name = PurePosixPath(name).name if isinstance(name, str) else "bytes"
    try:
        seekable = stream.seekable()
        binary = isinstance(stream.read(0), bytes)
    except (OSError, ValueError, AttributeError, TypeError):
        seekable = binary = False
    if not (seekable and binary):
        raise WrongOption(
            "the open file cannot be read by range",
            where=f"{MEMORY}{name}",
            next_step="open it with mode 'rb', or give its path",
        )
    return HeldPlace(name, HeldFile(stream, name))
