"""Part of a file, read as a file of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

from ngpt_inspect.formats.places.readable import ByteFile


@dataclass(frozen=True, kw_only=True)
class Window(ByteFile):
    """Bytes `start` to `start` + `size` of a file, which the caller has checked are there."""

    file: ByteFile
    start: int
    size: int

    @property
    def where(self) -> str:
        """The file, and where in it."""
        return f"{self.file.where}@{self.start}"

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill `buffer`; see `ByteFile.read_into`."""
        self.check_range(offset, buffer.nbytes)
        self.file.read_into(buffer, self.start + offset)

    def identity(self, n_blocks: int) -> Iterator[bytes]:
        """Yield that of the whole file."""
        return self.file.identity(n_blocks)
