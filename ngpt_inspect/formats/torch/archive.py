"""The zip archive torch.save writes: where each entry's bytes lie in the file."""

import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats.places.readable import GET_AGAIN, ByteFile
from ngpt_inspect.wording import quoted

DAMAGED = f"the file is cut short or damaged: {GET_AGAIN}"
LOCAL_MARK = b"PK\x03\x04"
"""Begins the local header of an entry, hence a zip file; what is in it is the reader's affair."""
LOCAL_HEADER = 30
"""Bytes of a local file header before its name and extra field (APPNOTE.TXT, 4.3.7)."""
FREE_EXPANSION = 64 * 1024 * 1024
MOST_EXPANSION = 20
"""A compressed entry may grow to `FREE_EXPANSION` bytes, or to this many times its size."""
CHUNK = 1 << 20
ENCRYPTED = 0x1


@dataclass(frozen=True, kw_only=True)
class ZipEntry:
    """The bytes of one archive entry."""

    file: ByteFile
    name: str
    n_bytes: int
    header_offset: int
    """Of its local header in the file: read when its bytes are, as it tells where they begin."""
    n_packed: int | None
    """Bytes in the file when deflated; None when stored as they are."""

    def place(self, offset: int) -> tuple[str, int]:
        """Return the `StoredTensor.location` of a byte of this entry."""
        return f"{self.file.where}!{self.name}", offset

    @cached_property
    def offset(self) -> int:
        """Offset of its first byte, compressed or not, in the file.

        Raises
        ------
        UnreadableFile
            There is no local header where the directory says, or the bytes do not fit the file.
        """
        header = self.file.read(self.header_offset, LOCAL_HEADER)
        if header[:4] != LOCAL_MARK:
            raise self._refuse("does not begin where it should")
        n_name, n_extra = struct.unpack("<HH", header[26:])
        offset = self.header_offset + LOCAL_HEADER + int(n_name) + int(n_extra)
        self.file.check_range(offset, self.n_bytes if self.n_packed is None else self.n_packed)
        return offset

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` from byte `offset` of the entry on.

        Raises
        ------
        UnreadableFile
            The file changed, ended early, or does not decompress.
        """
        if self.n_packed is None:
            self.file.read_into(buffer, self.offset + offset)
        else:
            self._inflate_into(buffer, offset, self.n_packed)

    def read(self) -> bytes:
        """Return all its bytes; see `read_into`."""
        buffer = bytearray(self.n_bytes)
        self.read_into(memoryview(buffer))
        return bytes(buffer)

    def _inflate_into(self, buffer: memoryview, offset: int, n_packed: int) -> None:
        """Decompress from the start of the entry, keeping only what falls into the buffer."""
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        packed, n_read, at, filled = b"", 0, 0, 0
        while filled < buffer.nbytes:
            if not packed:
                count = min(CHUNK, n_packed - n_read)
                packed = self.file.read(self.offset + n_read, count)
                n_read += count
            try:
                chunk = inflater.decompress(packed, CHUNK)
            except zlib.error as error:
                raise self._refuse("does not decompress") from error
            packed = inflater.unconsumed_tail
            if not chunk and not packed and (inflater.eof or n_read == n_packed):
                raise self._refuse("ends early")
            wanted = chunk[max(0, offset - at) :][: buffer.nbytes - filled]
            buffer[filled : filled + len(wanted)] = wanted
            filled += len(wanted)
            at += len(chunk)

    def _refuse(self, what: str) -> UnreadableFile:
        return self.file.refuse(f"its entry {quoted(self.name)} {what}", DAMAGED)


class Archive:
    """The entries of a zip file, by name.

    Raises
    ------
    UnreadableFile
        Its directory cannot be read, or names an entry twice.
    """

    def __init__(self, file: ByteFile) -> None:
        self.file = file
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for info in _directory(file):
            if info.filename in self._infos:
                raise file.refuse(f"holds two entries named {quoted(info.filename)}", DAMAGED)
            self._infos[info.filename] = info

    @property
    def names(self) -> tuple[str, ...]:
        """Every entry's name, in the order of the directory."""
        return tuple(self._infos)

    def entry(self, name: str) -> ZipEntry:
        """Find one entry and check that its bytes can lie within the file.

        Raises
        ------
        UnreadableFile
            It is missing, encrypted, packed in an unusual way, or does not fit the file.
        """
        if name not in self._infos:
            raise self.file.refuse(f"has no entry {quoted(name)}", DAMAGED)
        info = self._infos[name]
        if info.flag_bits & ENCRYPTED:
            raise self.file.refuse(f"its entry {quoted(name)} is encrypted", "decrypt it first")
        stored = info.compress_type == zipfile.ZIP_STORED
        if not stored and info.compress_type != zipfile.ZIP_DEFLATED:
            raise self.file.refuse(
                f"its entry {quoted(name)} is compressed in an unusual way",
                "zip it again without compression",
            )
        self.file.check_range(info.header_offset, LOCAL_HEADER + info.compress_size)
        if stored and info.compress_size != info.file_size:
            raise self.file.refuse(f"its entry {quoted(name)} has two different sizes", DAMAGED)
        if info.file_size > max(FREE_EXPANSION, MOST_EXPANSION * info.compress_size):
            raise self.file.refuse(
                f"its entry {quoted(name)} claims to expand from {info.compress_size} "
                f"to {info.file_size} bytes",
                "zip it again without compression if that is true",
            )
        return ZipEntry(
            file=self.file,
            name=name,
            n_bytes=info.file_size,
            header_offset=info.header_offset,
            n_packed=None if stored else info.compress_size,
        )


def _directory(file: ByteFile) -> list[zipfile.ZipInfo]:
    faults = (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, LookupError)
    try:
        with zipfile.ZipFile(file.stream()) as archive:
            return archive.infolist()
    except (*faults, OverflowError, EOFError, OSError) as error:
        raise file.refuse("the directory of its zip archive cannot be read", DAMAGED) from error
