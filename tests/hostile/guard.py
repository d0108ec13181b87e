"""Reads with a limit on time and memory, and notes whatever a reader of files must never do."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ngpt_inspect.errors import InspectError

SECONDS = 5
"""Of processor time: what else the machine does must not fail a test."""
ALLOWANCE = 256 * 2**20
"""Bytes of address space a read may take. Files are a few kilobytes; a thread's arena is 128 MiB,
a compressed entry may grow to 64 MiB."""
LONGEST = 1500
"""Characters of a refusal."""
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile"),
    *("subprocess.", "socket.", "urllib.", "webbrowser.", "ctypes.dlopen", "shutil."),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod"),
    *("os.truncate", "os.putenv", "pickle.find_class", "code.__new__", "exec"),
)
"""Beginnings of audit events (docs.python.org/3/library/audit_events.html)."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Hang(BaseException):
    """A read took too long; no reader's ``except Exception`` may swallow it."""


class _Watch:
    """One audit hook for the whole process (none can be taken away), asleep between reads."""

    def __init__(self) -> None:
        self.folder = ""
        self.others: set[threading.Thread] = set()
        self.seen: list[str] = []
        self.installed = False

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        # A thread that ran before does not read: it may tidy up after a browser.
        if not self.folder or threading.current_thread() in self.others:
            return
        if event == "open":
            self._opened(*args[:3])
        elif event.startswith(FORBIDDEN) and not _imports(event):
            self.seen.append(f"{event} {args}"[:300])

    def _opened(self, path: object, mode: object, flags: object) -> None:
        writes = isinstance(flags, int) and flags & WRITES
        if writes or (isinstance(mode, str) and set(mode) & set("wax+")):
            self.seen.append(f"open for writing: {path!r}")
        elif not isinstance(path, int) and not self._allowed(os.fsdecode(path)):  # type: ignore[arg-type]
            self.seen.append(f"open: {path!r}")

    def _allowed(self, path: str) -> bool:
        """Allow the folder of the file, and the modules that are imported to read it."""
        whole = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links, and open nothing
        return whole.startswith(self.folder) or path.endswith((".py", ".pyc"))


def _imports(event: str) -> bool:
    """Tell the running of modules of this environment from that of code that came in a file."""
    if not event.startswith("exec"):
        return False
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


_watch = _Watch()


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Limit time and memory; afterwards fail on what was run, written, or opened elsewhere.

    Raises
    ------
    Hang
        After `SECONDS` of processor time.
    AssertionError
        An audit event that no reader of files causes.
    MemoryError
        More than `ALLOWANCE`; torch says RuntimeError, which `refusals` finds.
    """
    if not _watch.installed:
        sys.addaudithook(_watch)
        _watch.installed = True
    collects = gc.isenabled()
    gc.disable()  # what others left behind may tidy up folders when it is collected, also here
    previous = signal.signal(signal.SIGPROF, _hang)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space(soft), hard))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    _watch.others = {*threading.enumerate()} - {threading.current_thread()}
    _watch.seen, _watch.folder = [], str(folder)
    try:
        yield
    finally:
        _watch.folder = ""
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, previous)
        if collects:
            gc.enable()
    assert not _watch.seen, _watch.seen


def _hang(_signal: int, _frame: object) -> None:
    raise Hang(f"more than {SECONDS} seconds")


def _address_space(without: int) -> int:
    """Return the address space in use and the allowance, where the system tells the first."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return without
    return pages * resource.getpagesize() + ALLOWANCE


def refused(read: Callable[[], object], folder: Path) -> str:
    """Read under guard; return the one line that refuses it, empty when it could be read.

    The file must be named in it. Anything but an `InspectError` comes out as it is.
    """
    try:
        with guarded(folder):
            read()
    except InspectError as error:
        return checked(str(error), folder)
    return ""


def checked(message: str, folder: Path | None) -> str:
    """Return a refusal if it is one printable line that names the file, if there is one."""
    assert message.isprintable(), repr(message)
    assert len(message) < LONGEST + 2 * len(str(folder)), message
    assert folder is None or str(folder) in message, message
    assert "alloc" not in message, message
    return message
