"""Holds a reader of hostile files to its word: no code run, no hang, no runaway allocation."""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

LONGEST, WAITED = 5.0, 60.0
"""Seconds of computing, and of waiting (a pipe nobody writes to), that an example may take."""
SPARE = 256 * 2**20
"""Bytes of address space an example may add: the 64 MiB that a compressed entry may grow to,
read and copied, and the stacks of threads. The files themselves have a few thousand."""
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.putenv", "os.remove", "os.rename"),
    *("subprocess.Popen", "pty.spawn", "pickle.find_class", "ctypes.dlopen", "shutil.rmtree"),
    *("socket.connect", "socket.getaddrinfo", "urllib.Request", "webbrowser.open"),
)
"""Audit events (docs.python.org/3/library/audit_events.html) of what no reader does."""
_watched: list[list[str]] = []


class Hang(BaseException):
    """The example took too long; no handler of a reader may take this for its own."""


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _watched:
        return
    writes = event == "open" and isinstance(args[1], str) and bool(set(args[1]) & set("wax+"))
    if event in FORBIDDEN or writes:
        _watched[-1].append(f"{event} {args}")


sys.addaudithook(_audit)


def _hang(_signal: int, _frame: FrameType | None) -> None:
    raise Hang


@contextmanager
def guarded() -> Iterator[None]:
    """Fail where the code inside runs code, writes, connects, hangs, or asks for much memory.

    What would ask for more than `SPARE` bytes gets a MemoryError.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    events: list[str] = []
    before = {each: signal.signal(each, _hang) for each in (signal.SIGPROF, signal.SIGALRM)}
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + SPARE, hard))
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    signal.setitimer(signal.ITIMER_REAL, WAITED)
    _watched.append(events)
    try:
        yield
    finally:
        _watched.pop()
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for each, handler in before.items():
            signal.signal(each, handler)
    assert not events, events
