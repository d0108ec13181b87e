"""Where a checkpoint lies: a local path, or a URI that answers the same questions."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import PurePosixPath
from typing import IO, Any, Protocol, Self

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
MEMORY = "memory://"
"""What the source of a model in memory begins with: nobody else can open that."""


class Place(Protocol):
    """What `pathlib.Path` and a remote path have in common, and all that readers use."""

    @property
    def name(self) -> str:
        """Return the last part."""

    @property
    def stem(self) -> str:
        """Return the last part without its suffix."""

    @property
    def suffix(self) -> str:
        """Return the last ending of the last part, with its dot."""

    @property
    def parent(self) -> Self:
        """Return the folder it is in."""

    def __truediv__(self, name: str, /) -> Self: ...

    def exists(self) -> bool:
        """Tell whether there is anything here."""

    def is_file(self) -> bool:
        """Tell whether it is a file."""

    def is_dir(self) -> bool:
        """Tell whether it is a folder."""

    def iterdir(self) -> Iterator[Self]:
        """Yield what a folder holds."""


class PurePlace(ABC):
    """A place that is known by a path of its own kind: what the last part of that says."""

    @property
    @abstractmethod
    def _path(self) -> PurePosixPath:
        """The path, without what is no part of it."""

    @property
    def name(self) -> str:
        """The last part."""
        return self._path.name

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return self._path.stem

    @property
    def suffix(self) -> str:
        """The last ending of the last part, with its dot."""
        return self._path.suffix


class Stateful(Protocol):
    """A module of torch, or whatever else gives its tensors by name."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return the tensors by name."""


Openable = str | PathLike[str] | Mapping[str, Any] | IO[bytes] | bytes | Stateful
"""What opens: a path or URI; a module, a state dict, an open file, bytes."""


def is_one(source: object) -> bool:
    """Tell what is, or names, one checkpoint from a list of them."""
    return isinstance(source, str | PathLike) or is_held(source)


def is_held(source: object) -> bool:
    """Tell what is in memory: a module, a dict of tensors, an open file, bytes."""
    held = isinstance(source, Mapping | bytes | bytearray | memoryview)
    return held or hasattr(source, "state_dict") or hasattr(source, "read")


def is_uri(source: object) -> bool:
    """Tell a URI (``s3://bucket/model``) from a local path."""
    return isinstance(source, str) and URI.match(source) is not None


def public_name(source: str) -> str:
    """Return a path or URI without what only its owner should know: a password, a signed query."""
    if not is_uri(source):
        return source
    scheme, _, rest = source.partition("://")
    host, slash, path = rest.partition("/")
    if scheme.lower().startswith("http"):
        path = path.partition("#")[0].partition("?")[0]
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
