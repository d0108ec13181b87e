"""How many cores torch takes: all for large products, one for what is small.

A small operation on two threads spends its time waiting for the other, many times its own where
that does not run: on a machine that also trains. What repeats small ones takes threads of its own,
one core each, which sleep while they wait and meet once a step, not once an operation. LAPACK's
way to eigenvalues is such small operations, a row each: `one_core_each`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ngpt_inspect.later.torch import torch

MOST_SHARES = 8
"""Parts that are shared among threads; no sum depends on how many threads there are."""
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

    threads = min(most, torch.get_num_threads())
    with cores(1):
        if threads < 2:
            yield map
            return
        # Libraries keep the number for each thread, and one that begins has that of the process.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool.map


def at_once(*tasks: Callable[[], Any]) -> list[Any]:
    """Return what tasks that do not need one another make, side by side on one core each."""
    with side_by_side(len(tasks)) as mapped:
        return list(mapped(lambda task: task(), tasks))


def meanwhile(task: Callable[[], Any], other: Callable[[], Any]) -> tuple[Any, Any]:
    """Return what both make: `task` as it would alone, `other` beside it on one core, if there is.

    For two that wait for memory most of the time, or that cannot share all of their work.
    """
    from concurrent.futures import ThreadPoolExecutor

    if torch.get_num_threads() < 2:
        return task(), other()
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as thread:
        later = thread.submit(other)
        return task(), later.result()


def one_core_each(operation: Callable[..., Any], *stacks: torch.Tensor) -> Any:
    """Apply an operation of LAPACK to matrices, or to stacks of them share by share, on one core.

    For eigenvalues, singular values and QR: a second core gains them a third at most where it is
    free, and costs many times that where it is not. No bit depends on how many cores there are.

    Parameters
    ----------
    operation
        Returns a tensor or several; of stacks, each with a first axis as long as theirs.
    stacks : tensors of shape (..., m, n)
        All with as many axes.
    """
    if stacks[0].is_cuda:
        return operation(*stacks)
    count = len(stacks[0]) if stacks[0].dim() > 2 else 1
    with side_by_side(count) as mapped:
        if count == 1:
            return operation(*stacks)
        shares = min(count, MOST_SHARES)
        parts = list(mapped(operation, *(each.tensor_split(shares) for each in stacks)))
    if isinstance(parts[0], torch.Tensor):
        return torch.cat(parts)
    return tuple(map(torch.cat, zip(*parts, strict=True)))
