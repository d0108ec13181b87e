"""Memory that was freed and that the C library keeps."""

import ctypes
import sys
from functools import cache
from typing import Any

WORTH = 1 << 20
"""Values of a weight from which on what working with it left is given back."""


def give_back() -> None:
    """Have the C library give freed memory back to the system.

    glibc keeps what each thread freed for that thread, so that a process that works with one large
    matrix after another, in turns of threads, holds more with each. Does nothing where the C
    library is another.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
