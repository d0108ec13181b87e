"""A file as a run of bytes, here or elsewhere: all that readers know of where it is kept."""

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator

from ngpt_inspect.errors import UnreadableFile

GET_AGAIN = "copy or download it again"


class ByteFile(ABC):
    """Bytes by range, from a file whose size is known and believed."""

    size: int
    is_local = False
    """Whether a few bytes here and there cost next to nothing."""

    @property
    @abstractmethod
    def where(self) -> str:
        """The path or URI, for errors and locations."""

    @abstractmethod
    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill `buffer` from `offset` on.

        Raises
        ------
        UnreadableFile
            The file changed, ended early, or cannot be reached.
        """

    @abstractmethod
    def identity(self, n_blocks: int) -> Iterator[bytes]:
        """Yield what tells these bytes from others: blocks of them, or the server's word."""

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Return bytes offset..offset+n_bytes; never asks for more than the file holds.

        Raises
        ------
        UnreadableFile
            As `read_into`, or the file is shorter than the range.
        """
        self.check_range(offset, n_bytes)
        buffer = bytearray(n_bytes)
        self.read_into(memoryview(buffer), offset)
        return bytes(buffer)

    def head(self, n_bytes: int) -> bytes:
        """Return the first bytes, fewer where the file has fewer."""
        return self.read(0, min(n_bytes, self.size))

    def check_range(self, offset: int, n_bytes: int) -> None:
        """Refuse a range that reaches outside the file.

        Raises
        ------
        UnreadableFile
            It does.
        """
        if offset < 0 or n_bytes < 0 or offset + n_bytes > self.size:
            raise self.refuse(
                f"{n_bytes} bytes at offset {offset} are promised, but the file has {self.size}",
                f"it is cut short or damaged: {GET_AGAIN}",
            )

    def refuse(self, what: str, next_step: str) -> UnreadableFile:
        """Return the error for this file."""
        return UnreadableFile(what, where=self.where, next_step=next_step)

    def stream(self) -> io.BufferedReader:
        """Return the bytes as a file object, for libraries that ask for one."""
        return io.BufferedReader(_Stream(self))


class _Stream(io.RawIOBase):
    def __init__(self, file: ByteFile) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        if start + offset < 0:
            raise OSError("seek before the start")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = max(0, min(len(buffer), self._file.size - self._at))
        if count:
            self._file.read_into(memoryview(buffer)[:count], self._at)
        self._at += count
        return count
