"""A file as it was when it was opened: read by range, refused once it changes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ngpt_inspect.errors import UnreadableFile

GET_AGAIN = "copy or download it again"


@dataclass(frozen=True, kw_only=True)
class StampedFile:
    """A path with the size and time of change it had when its header was read."""

    path: Path
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> StampedFile:
        """Stamp a file now."""
        status = path.stat()
        return cls(path=path, size=status.st_size, changed_ns=status.st_mtime_ns)

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Return bytes offset..offset+n_bytes; never asks for more than the file holds.

        Raises
        ------
        UnreadableFile
            The file changed, ended early, or is shorter than the range.
        """
        self.check_range(offset, n_bytes)
        buffer = bytearray(n_bytes)
        self.read_into(memoryview(buffer), offset)
        return bytes(buffer)

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill `buffer` from `offset` on, without the page cache of a memory map.

        Raises
        ------
        UnreadableFile
            The file changed or ended early.
        """
        self.check_range(offset, buffer.nbytes)
        try:
            with self.path.open("rb", buffering=0) as file:
                self._check_unchanged(file)
                file.seek(offset)
                self._fill(file, buffer)
        except OSError as error:
            raise UnreadableFile(
                f"cannot be read ({error.strerror or error})",
                where=str(self.path),
                next_step="check that it still exists and that you may read it",
            ) from error

    def check_range(self, offset: int, n_bytes: int) -> None:
        """Refuse a range that reaches outside the file.

        Raises
        ------
        UnreadableFile
            It does.
        """
        if offset < 0 or n_bytes < 0 or offset + n_bytes > self.size:
            raise UnreadableFile(
                f"{n_bytes} bytes at offset {offset} are promised, but the file has {self.size}",
                where=str(self.path),
                next_step=f"it is cut short or damaged: {GET_AGAIN}",
            )

    def _check_unchanged(self, file: BinaryIO) -> None:
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed_ns):
            raise UnreadableFile(
                "the file changed after it was opened",
                where=str(self.path),
                next_step="open it again",
            )

    def _fill(self, file: BinaryIO, buffer: memoryview) -> None:
        filled = 0
        while filled < buffer.nbytes:
            count = file.readinto(buffer[filled:])  # type: ignore[attr-defined]
            if not count:
                raise UnreadableFile(
                    f"ended {buffer.nbytes - filled} bytes early",
                    where=str(self.path),
                    next_step=GET_AGAIN,
                )
            filled += count
