"""How the C library hands out memory while a model trains on a CPU."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # names and numbers of glibc's malloc.h


def keep_freed_memory() -> None:
    """Let this process keep the memory it frees, for its next step.

    glibc by default gives a large freed block back to the system at once, and the system clears
    every page of the next one: at a vocabulary of 8192 more than half the time of the loss. The
    process stays as large as it once was. Does nothing where the C library is another.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)
