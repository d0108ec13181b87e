"""Ctrl-C ends the program at once, even in the middle of a long factorisation."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ngpt_inspect.tables.export import UNFINISHED

INTERRUPTED = 130
SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def interruptible() -> Iterator[None]:
    """Watch for Ctrl-C from a second thread while the body runs.

    Python raises KeyboardInterrupt only between its own instructions, so a call that stays in
    LAPACK for ten seconds would keep the user waiting. The signal reaches a pipe at once; the
    watcher says so and leaves with code 130. Files are written whole or not at all, so nothing
    half-done stays behind. Does nothing outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reading,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)  # ends the watcher
        watcher.join()
        os.close(reading)


def _watch(reading: int) -> None:
    while received := os.read(reading, 1):
        if received[0] == signal.SIGINT:
            shown = SHOW_CURSOR if sys.stderr.isatty() else ""
            os.write(2, f"{shown}\nngpt-inspect: interrupted\n".encode())
            for each in tuple(UNFINISHED):
                each.unlink(missing_ok=True)
            os._exit(INTERRUPTED)
