"""Files that are either whole or absent: written aside, flushed to disk, then moved into place."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from reference_model.errors import UsageError, WriteError

try:
    import fcntl
except ImportError:  # not a POSIX system: nothing locks the folder there
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = ".lock"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a new file, given its path, that then takes the place of `path` at once.

    A process killed at any instant leaves the old file or the new one, never a part. A failing
    `write` leaves the old file and no litter; only a killed process can leave a ``.tmp`` file.

    Raises
    ------
    WriteError
        If the system refuses: a full disk, no permission, a file where a folder should be.
    """
    with explained(path):
        if path.exists() and not path.is_file():  # a pipe or a device must stay one
            write(path)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that only the owner can read
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):  # the first refusal is the one to tell of
                temporary.unlink(missing_ok=True)
            raise


def write_text_atomically(path: Path, text: str) -> None:
    """Write `text` as UTF-8; see `write_atomically`."""
    write_atomically(path, lambda file: file.write_bytes(text.encode()))


def check_writable(folder: Path) -> None:
    """Make `folder` if it is missing and raise WriteError now, not hours later, if it is no use."""
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".check.", suffix=".tmp")
        os.close(handle)
        Path(name).unlink(missing_ok=True)


def remove_litter(folder: Path) -> None:
    """Delete the half-written files that a killed process left in `folder`."""
    for temporary in folder.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other processes from training into `folder`; the end of this one, any end, unlocks it.

    Raises
    ------
    UsageError
        If another process holds the lock.
    WriteError
        If the folder cannot be written.
    """
    path = folder / LOCK_FILE
    with explained(path):
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    with file:
        if fcntl:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                msg = f"{folder}: another process trains into it; wait for it, or use another --out"
                raise UsageError(msg) from error
            except OSError:  # some network file systems have no locks: no reason not to train
                pass
        yield


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write `path` into a WriteError that names it."""
    try:
        yield
    except OSError as error:
        raise WriteError(path, error) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; not every system can open a folder."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
