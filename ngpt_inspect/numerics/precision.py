"""Products of float32 in float32, whatever the process around allows.

A script that trains lets them be coarser (TF32, bfloat16): `torch.set_float32_matmul_precision`,
`fp32_precision` of a backend, or autocast. Numbers that are published may not depend on it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any

from ngpt_inspect.later.torch import torch

INHERITED = "none"
FULL = ("ieee", INHERITED)
"""What a backend says that takes them full; by itself it does."""


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
    """Have the process take full products where it does not; return what sets it back."""
    backends: tuple[Any, ...] = (torch.backends.mkldnn, torch.backends.cuda)
    if not hasattr(torch.backends, "fp32_precision"):  # before torch 2.9: one setting for all
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        return partial(torch.set_float32_matmul_precision, before)
    coarse = {each: each.matmul.fp32_precision for each in backends}
    coarse = {each: said for each, said in coarse.items() if said not in FULL}
    for backend, said in coarse.items():
        if said == getattr(backend, "fp32_precision", torch.backends.fp32_precision):
            coarse[backend] = INHERITED
        backend.matmul.fp32_precision = FULL[0]
    return partial(_set_back, coarse)


def _set_back(coarse: dict[Any, str]) -> None:
    for backend, said in coarse.items():
        if backend.matmul.fp32_precision == FULL[0]:  # nobody said something else meanwhile
            backend.matmul.fp32_precision = said


@contextmanager
def full_products() -> Iterator[None]:
    """Take products of float32 in float32 inside, in this thread and in those it starts.

    A setting of the process: other threads have it too meanwhile, and it is set back at the end.
    """
    with (
        _setting.full(),
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
    ):
        yield
