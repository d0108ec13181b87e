"""Where a checkpoint lies: a local path, or a URI that answers the same questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os import PathLike
from typing import Protocol, Self

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class Place(Protocol):
    """What `pathlib.Path` and a remote path have in common, and all that readers use."""

    @property
    def name(self) -> str:
        """Return the last part."""
        ...

    @property
    def stem(self) -> str:
        """Return the last part without its suffix."""
        ...

    @property
    def suffix(self) -> str:
        """Return the last ending of the last part, with its dot."""
        ...

    @property
    def parent(self) -> Self:
        """Return the folder it is in."""
        ...

    def __truediv__(self, name: str, /) -> Self: ...

    def exists(self) -> bool:
        """Tell whether there is anything here."""
        ...

    def is_file(self) -> bool:
        """Tell whether it is a file."""
        ...

    def is_dir(self) -> bool:
        """Tell whether it is a folder."""
        ...

    def iterdir(self) -> Iterator[Self]:
        """Yield what a folder holds."""
        ...


def is_uri(source: str | PathLike[str]) -> bool:
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
