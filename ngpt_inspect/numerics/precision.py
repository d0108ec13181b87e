"""Products of float32 in float32, whatever the process around allows.

A script that trains lets them be coarser (TF32, bfloat16): `torch.set_float32_matmul_precision`,
`fp32_precision` of a backend, or autocast. Numbers that are published may not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any


class _Setting:
    """The setting of the process: the first that comes in makes it full, the last restores it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._restore: Callable[[], None]

    @contextmanager
    def full(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._restore = _made_full()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._restore()


_setting = _Setting()


def _made_full() -> Callable[[], None]:
    """Have the process take full products; return what sets it back."""
    import torch

    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # said of one backend alone, which the words for all cannot express
        backends: tuple[Any, ...] = (torch.backends.mkldnn, torch.backends.cuda)
        matmuls = [each.matmul for each in backends]
        said = [each.fp32_precision for each in matmuls]
        _say(matmuls, ["ieee", "ieee"])
        return partial(_say, matmuls, said)
    torch.set_float32_matmul_precision("highest")
    return partial(torch.set_float32_matmul_precision, before)


def _say(matmuls: list[Any], said: list[str]) -> None:
    for each, precision in zip(matmuls, said, strict=True):
        each.fp32_precision = precision


@contextmanager
def full_products() -> Iterator[None]:
    """Take products of float32 in float32 inside, in this thread and in those it starts.

    A setting of the process: other threads have it too meanwhile, and it is set back at the end.
    """
    import torch

    with (
        _setting.full(),
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
    ):
        yield
