"""How many cores torch takes: all for large products, one for what is small.

A small operation on two threads spends its time waiting for the other, many times its own where
that does not run: on a machine that also trains.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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
