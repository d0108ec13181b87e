"""The contract of this room: a scheme finds its codes and scales and makes values of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ngpt_inspect.stored import Contents, StoredTensor


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """One quantised tensor."""

    tensor: StoredTensor
    """What it is, under the name of the weight."""
    codes: str
    """The stored tensor whose place it takes."""
    others: tuple[str, ...] = ()
    """Its scales and the like: part of it, listed no more."""


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """One way of quantising; `find` knows its tensors by names, dtypes, shapes and config."""

    name: str
    summary: str
    find: Callable[[Contents], Iterable[Recognised]]
