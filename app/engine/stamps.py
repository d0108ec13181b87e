"""What tells one state of a checkpoint's files from another, without reading them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ngpt_inspect import formats
from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents
from ngpt_inspect.places import is_uri
from ngpt_inspect.runs import log_of, run_of
from ngpt_inspect.stored import Stamp

if TYPE_CHECKING:
    from ngpt_inspect.stored import Contents


def stamp_of(path: Path) -> Stamp:
    """Return what changes when the files of a checkpoint do.

    Raises
    ------
    UnreadableFile
        There is nothing at this path.
    """
    try:
        return formats.stamp_of(path)
    except OSError as error:
        raise UnreadableFile(
            f"cannot be read ({error.strerror})", where=str(path), next_step="check the path"
        ) from error


def stamp_with_log(path: Path) -> Stamp:
    """Return the stamp of a path and of the log of the run it belongs to.

    A run's own stamp is that of its checkpoints: a line that is logged changes none of them.
    """
    run = run_of(path)
    log = None if run is None else log_of(run)
    return stamp_of(path) + (() if log is None else stamp_of(log))


def stamp_of_opened(contents: Contents) -> Stamp:
    """Return the state of what is open as it was opened, whatever became of it since."""
    return contents.stamp or ((contents.fingerprint, 0, 0),)


def has_changed(contents: Contents) -> bool:
    """Tell whether the files of what is open are no longer those; of an address it is not asked."""
    if is_uri(contents.source):
        return False
    try:
        return formats.stamp_of(Path(contents.source)) != contents.stamp
    except OSError:
        return True


def check_unchanged(contents: Contents) -> None:
    """Refuse what was read from files that are no longer those that were opened.

    Raises
    ------
    UnreadableFile
        They changed or are gone. Of an address the headers are read again to tell.
    """
    now = contents
    if is_uri(contents.source):
        now = read_contents(contents.address or contents.source)
    if has_changed(contents) or now.fingerprint != contents.fingerprint:
        raise UnreadableFile(
            "changed or was deleted while it was being measured",
            where=contents.source,
            next_step="reload the page once it is whole",
        )
