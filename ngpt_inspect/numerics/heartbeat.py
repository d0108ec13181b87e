"""How far a long computation is, told to whoever listens; where it can be stopped, too.

Kernels call `beat` between pieces of work. A listener may raise to end the computation. What runs
in another thread or process is not heard.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class _Ear:
    """A listener, and which part of the whole is being done."""

    listener: Callable[[float], None]
    start: float = 0.0
    width: float = 1.0


_ear: ContextVar[_Ear | None] = ContextVar("ear", default=None)


@contextmanager
def heard_by(listener: Callable[[float], None]) -> Iterator[None]:
    """Tell `listener` the share that is done, from 0 to 1, of what runs inside."""
    token = _ear.set(_Ear(listener))
    try:
        yield
    finally:
        _ear.reset(token)


@contextmanager
def part(before: float, here: float, whole: float) -> Iterator[None]:
    """Say that what runs inside is `here` of the `whole`, after what is `before` it."""
    ear = _ear.get()
    if ear is None:
        yield
        return
    start = ear.start + ear.width * before / whole
    token = _ear.set(replace(ear, start=start, width=ear.width * here / whole))
    try:
        yield
    finally:
        _ear.reset(token)


def beat(done: float, total: float) -> None:
    """Tell how much of the present part is done."""
    ear = _ear.get()
    if ear is not None and total:
        ear.listener(ear.start + ear.width * done / total)
