"""How many cores torch takes: all for large products, one for what is small.

A small operation on two threads spends its time waiting for the other, many times its own where
that does not run: on a machine that also trains. What repeats small ones takes threads of its own,
one core each, which sleep while they wait and meet once a step, not once an operation.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SHARE = 1 << 21
"""Values a thread goes over in about a millisecond, many times what it takes to wake it."""


def wait_asleep() -> None:
    """Let OpenMP's threads sleep where they wait, in a process of our own, unless it says how.

    They spin otherwise, in the time of the thread they wait for where others compute too. To be
    called before torch is imported: the library reads it once.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def cores(count: int | None) -> Iterator[None]:
    """Let torch take so many cores, in threads that start inside too; None changes nothing."""
    import torch

    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def side_by_side(most: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give a `map` that works on so many items at once, with what torch does on one core each."""
    from concurrent.futures import ThreadPoolExecutor

    import torch

    threads = min(most, torch.get_num_threads())
    with cores(1):
        if threads < 2:
            yield map
            return
        # Libraries keep the number for each thread, and one that begins has that of the process.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool.map
