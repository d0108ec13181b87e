"""What tells one state of a checkpoint's files from another, without reading them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import files_of, read_contents
from ngpt_inspect.places import is_uri

if TYPE_CHECKING:
    from ngpt_inspect.stored import Contents

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and modification time in nanoseconds of each file of a checkpoint."""


def stamp_of(path: Path) -> Stamp:
    """Return what changes when the files of a checkpoint do.

    Raises
    ------
    UnreadableFile
        There is nothing at this path.
    """
    try:
        stats = [(each.name, each.stat()) for each in files_of(path)]
    except OSError as error:
        raise UnreadableFile(
            f"cannot be read ({error.strerror})", where=str(path), next_step="check the path"
        ) from error
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def stamp_of_opened(contents: Contents) -> Stamp:
    """Return the stamp of what is open: of files as they are now, of an address as it was opened.

    Empty where the files are gone: whoever reads them will say so.
    """
    if is_uri(contents.source):
        return ((contents.fingerprint, 0, 0),)
    try:
        return stamp_of(Path(contents.source))
    except UnreadableFile:
        return ()


def check_unchanged(contents: Contents, stamp: Stamp) -> None:
    """Refuse what was read from files that are no longer those of the stamp.

    Raises
    ------
    UnreadableFile
        They changed or are gone. Of an address the headers are read again to tell.
    """
    now = contents
    if is_uri(contents.source):
        now = read_contents(contents.address or contents.source)
    if stamp_of_opened(now) != stamp or not stamp:
        raise UnreadableFile(
            "changed or was deleted while it was being measured",
            where=contents.source,
            next_step="reload the page once it is whole",
        )
