"""The contract of this room: a scheme finds its codes and scales and makes values of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ngpt_inspect.quantised._tensor import RefusedTensor
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.wording import shown

LONGEST_REASON = 300
"""Characters: names, shapes and settings in it come out of the file."""


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """One quantised tensor."""

    tensor: StoredTensor
    """What it is, under the name of the weight."""
    codes: str
    """The stored tensor whose place it takes, by its name in the contents."""
    others: tuple[str, ...] = ()
    """Its scales and the like: part of it, listed no more."""


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """One way of quantising; `find` knows its tensors by names, dtypes, shapes and config."""

    name: str
    summary: str
    find: Callable[[Contents], Iterable[Recognised]]


def refused(name: str, codes: StoredTensor, why: str, others: tuple[str, ...] = ()) -> Recognised:
    """Return the codes of this name as they are, and why they are not values, cut when long."""
    tensor = RefusedTensor(
        name=codes.name,
        shape=codes.shape,
        dtype=codes.dtype,
        location=codes.location,
        codes=codes,
        why=shown(why, LONGEST_REASON),
    )
    return Recognised(tensor=tensor, codes=name, others=others)


def incomplete(name: str, codes: StoredTensor, told: str, missing: Iterable[str]) -> Recognised:
    """Return codes whose scales and the like are not there, after what they are told by."""
    return refused(name, codes, f"{told}, and {' and '.join(missing)} are missing")


def misfit(name: str, parts: Sequence[StoredTensor]) -> Recognised:
    """Return codes, the first of some parts, whose shapes or dtypes contradict each other."""
    return refused(name, parts[0], f"its parts do not fit: {described(parts)}")


def described(parts: Iterable[StoredTensor]) -> str:
    """Return name, shape and dtype of each part."""
    return ", ".join(f"{part.name} {list(part.shape)} {part.dtype}" for part in parts)
