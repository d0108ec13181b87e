"""Files behind a URI, through fsspec: looked at by byte range, never downloaded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NoReturn

from ngpt_inspect.errors import MissingLibrary, Unreachable, UnreadableFile
from ngpt_inspect.formats.places.readable import ByteFile
from ngpt_inspect.places import PurePlace, public_name
from ngpt_inspect.wording import shown

SCHEMES = ("hf", "s3", "gs", "http", "https")
HEAD = 100_000
"""Bytes asked for at first: the headers of most files fit."""
LARGEST_REQUEST = 64 * 1024 * 1024
"""Bytes. A larger tensor comes in several requests, none of which runs into a timeout."""
VERSIONS = ("lfs", "blob_id", "ETag", "etag", "md5Hash", "Last-Modified", "LastModified")
"""What servers call the version of a file, the surest first."""
CHECK_ADDRESS = "check the address, and that you may read it"


@dataclass
class _Store:
    """One filesystem of fsspec, and whether its ranges were seen to work."""

    fs: Any
    ranges_work: bool = False


class RemotePath(PurePlace):
    """A URI, asked as a `Place` is.

    Raises
    ------
    UnreadableFile
        From every question: the server cannot be reached or does not answer it.
    """

    def __init__(self, store: _Store, uri: str) -> None:
        self._store = store
        self._uri = uri
        self._answer: dict[str, Any] | None = None
        self._file: RemoteFile | None = None
        self.refusal = ""
        """What the server said where it may only not let us see it."""

    @classmethod
    def of(cls, uri: str) -> RemotePath:
        """Return the place of a URI of one of `SCHEMES`.

        Options of the filesystem come from its own environment variables or from fsspec's
        (``FSSPEC_S3_ANON=true``).

        Raises
        ------
        UnreadableFile
            A scheme that is not read.
        MissingLibrary
            The library that reads it is not installed.
        """
        scheme = uri.partition("://")[0].lower()
        if scheme not in SCHEMES:
            raise UnreadableFile(
                f"URIs that begin with {scheme}:// are not read",
                where=shown(uri),
                next_step=f"name a local path, or one of {', '.join(f'{s}://' for s in SCHEMES)}",
            )
        try:
            from fsspec.core import url_to_fs

            fs, _ = url_to_fs(uri)
            fs.invalidate_cache()  # fsspec keeps listings for as long as Python runs
        except ImportError as error:
            extra = "pip install gcsfs" if scheme == "gs" else "pip install 'ngpt-inspect[remote]'"
            raise MissingLibrary(
                f"{scheme}:// needs a library that is not installed ({shown(str(error), 120)})",
                next_step=extra,
            ) from None
        except Exception as error:
            _refuse(uri, error)
        return cls(_Store(fs), uri)

    def __str__(self) -> str:
        """Return the URI as others may see it."""
        return public_name(self._uri)

    @property
    def address(self) -> str:
        """The whole URI, with a signed query: what opens it again."""
        return self._uri

    @property
    def _path(self) -> PurePosixPath:
        """The part after the scheme, without a query."""
        scheme, _, rest = self._uri.partition("://")
        if scheme.startswith("http"):
            rest = rest.partition("#")[0].partition("?")[0]
        return PurePosixPath(rest)

    @property
    def parent(self) -> RemotePath:
        """The folder it is in."""
        return RemotePath(self._store, f"{self._scheme}{self._path.parent}")

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(self._store, f"{self._scheme}{self._path / name}")

    @property
    def _scheme(self) -> str:
        return self._uri.partition("://")[0] + "://"

    def exists(self) -> bool:
        """Tell whether there is anything here."""
        return self.is_dir() or self.is_file()

    def is_file(self) -> bool:
        """Tell whether it is a file."""
        return not self._is_listing and self._info.get("type") == "file"

    def is_dir(self) -> bool:
        """Tell whether it is a folder; over HTTP, one whose address ends in a slash."""
        return self._is_listing or self._info.get("type") == "directory"

    def iterdir(self) -> Iterator[RemotePath]:
        """Yield what a folder holds, over HTTP what the page of a folder links to."""
        try:
            names = self._store.fs.ls(self._uri, detail=False)
        except Exception as error:
            _refuse(self._uri, error)
        for name in sorted({PurePosixPath(name).name for name in names}):
            yield self / name

    @property
    def _is_listing(self) -> bool:
        return self._uri.startswith("http") and self._uri.endswith("/")

    @property
    def _info(self) -> dict[str, Any]:
        """What the server says of it, asked once; empty when there is nothing."""
        if self._answer is None:
            self._answer = self._ask()
        return self._answer

    def _ask(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._store.fs.info(self._uri)
        except FileNotFoundError as error:
            # fsspec says so of whatever went wrong over HTTP. A refusal (403) can mean that there
            # is nothing, too, as with config.json beside a file of S3.
            cause = error.__cause__
            status = getattr(cause, "status", None)
            if cause is not None and (status is None or status >= 500):
                _refuse(self._uri, cause)
            self.refusal = _said(cause, self._uri) if status not in (None, 404) else ""
            return {}
        except Exception as error:
            _refuse(self._uri, error)
        return found

    @property
    def bytes(self) -> RemoteFile:
        """Its bytes; asked for when they are read."""
        if self._file is None:
            size = self._info.get("size")
            if not isinstance(size, int):
                raise UnreadableFile(
                    "its server does not say how large it is",
                    where=public_name(self._uri),
                    next_step="download it, and name the local file",
                )
            self._file = RemoteFile(self._store, self._uri, size, self._info)
        return self._file


class RemoteFile(ByteFile):
    """A file read by range; its first bytes are kept."""

    def __init__(self, store: _Store, uri: str, size: int, info: dict[str, Any]) -> None:
        self.size = size
        self._store = store
        self._uri = uri
        self._info = info
        self._first: bytes | None = None
        self._stream: Any = None
        self._lock = threading.RLock()

    @property
    def where(self) -> str:
        """The URI, without what is not for others."""
        return public_name(self._uri)

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill `buffer` from `offset` on; see `ByteFile.read_into`."""
        self.check_range(offset, buffer.nbytes)
        known = self._head[offset : offset + buffer.nbytes]
        buffer[: len(known)] = known
        for start in range(len(known), buffer.nbytes, LARGEST_REQUEST):
            stop = min(start + LARGEST_REQUEST, buffer.nbytes)
            buffer[start:stop] = self._fetch(offset + start, offset + stop)

    def identity(self, n_blocks: int) -> Iterator[bytes]:
        """Yield its size, its first bytes and its version: no value is read for it."""
        yield self.size.to_bytes(8, "little")
        yield self._head
        version = next((self._info[key] for key in VERSIONS if self._info.get(key)), self._uri)
        yield str(version).encode()

    @property
    def _head(self) -> bytes:
        """The first bytes, read once; whether the server has ranges is seen by asking for one."""
        with self._lock:
            if self._first is None:
                first = self._fetch(0, min(HEAD, self.size)) if self.size else b""
                if self.size > len(first) and not self._store.ranges_work:
                    self._fetch(self.size - 1, self.size)
                    self._store.ranges_work = True
                self._first = first
            return self._first

    def _fetch(self, start: int, stop: int) -> bytes:
        try:
            with self._lock:
                if self._stream is None:
                    opened = self._store.fs.open
                    self._stream = opened(self._uri, "rb", cache_type="none", size=self.size)
                self._stream.seek(start)
                data: bytes = self._stream.read(stop - start)
        except ValueError as error:
            raise self.refuse(
                f"its server sends whole files only, no ranges ({shown(str(error), 80)})",
                "download it, and name the local file",
            ) from error
        except Exception as error:
            _refuse(self._uri, error)
        if len(data) != stop - start:
            raise self.refuse(
                f"its server sent {len(data)} bytes for bytes {start} to {stop}",
                "try again, or download it and name the local file",
            )
        return data


def _refuse(uri: str, error: BaseException) -> NoReturn:
    """Turn what a library raised, of whatever class, into one line."""
    raise Unreachable(
        f"cannot be reached ({_said(error, uri)})",
        where=public_name(uri),
        next_step=CHECK_ADDRESS,
    ) from error


def _said(error: BaseException | None, uri: str) -> str:
    """Return what an error says, without the address: its query may be signed."""
    said = str(error).partition(", url=")[0].replace(uri, public_name(uri))
    return shown(said) or type(error).__name__
