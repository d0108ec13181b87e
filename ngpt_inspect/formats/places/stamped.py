"""A local file as it was when it was opened: read by range, refused once it changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ngpt_inspect.formats.places.readable import GET_AGAIN, ByteFile

BLOCK = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class StampedFile(ByteFile):
    """A path with the size and time of change it had when its header was read."""

    path: Path
    size: int
    changed_ns: int
    is_local = True

    @classmethod
    def of(cls, path: Path) -> StampedFile:
        """Stamp a file now."""
        status = path.stat()
        return cls(path=path, size=status.st_size, changed_ns=status.st_mtime_ns)

    @property
    def where(self) -> str:
        """The path."""
        return str(self.path)

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
            raise self.refuse(
                f"cannot be read ({error.strerror or error})",
                "check that it still exists and that you may read it",
            ) from error

    def identity(self, n_blocks: int) -> Iterator[bytes]:
        """Yield its size and blocks spread evenly through it, the first and last among them."""
        yield self.size.to_bytes(8, "little")
        with self.path.open("rb", buffering=0) as file:
            for offset in offsets(self.size, n_blocks):
                file.seek(offset)
                yield file.read(BLOCK)

    def _check_unchanged(self, file: BinaryIO) -> None:
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed_ns):
            raise self.refuse("the file changed after it was opened", "open it again")

    def _fill(self, file: BinaryIO, buffer: memoryview) -> None:
        filled = 0
        while filled < buffer.nbytes:
            count = file.readinto(buffer[filled:])  # type: ignore[attr-defined]
            if not count:
                raise self.refuse(f"ended {buffer.nbytes - filled} bytes early", GET_AGAIN)
            filled += count


def offsets(size: int, n_blocks: int) -> list[int]:
    """Return where blocks spread evenly through a file begin, the first and last among them."""
    if size <= n_blocks * BLOCK:
        return list(range(0, size, BLOCK))
    return [(size - BLOCK) * i // (n_blocks - 1) for i in range(n_blocks)]
