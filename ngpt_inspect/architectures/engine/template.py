"""Name templates: ``[transformer.]h.{layer}.attn.c_attn.weight``, compared with names at once.

``{layer}`` and ``{expert}`` are numbers, ``[x]`` may be missing, ``|`` separates alternatives.
Names and templates are compared by their skeletons, in which every number is ``#``: one look-up
tells which of all templates a name can fit, however many experts a model has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Generic, TypeVar

WRAPPERS = (
    *("_orig_mod.", "module.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."),
    "base_layer.",
)
"""What torch.compile, DDP, FSDP, activation checkpointing and peft add, anywhere in a name."""

FACTOR = ".lora_"
"""In the names of what peft puts beside a weight; no layout has it."""

LONGEST = 4
"""Digits of a layer or an expert: no model has ten thousand."""

_NUMBER = re.compile(r"[0-9]+")
_SLOT = re.compile(r"\{layer\}|\{expert\}|[0-9]+")
_OPTION = re.compile(r"\[([^\]]+)\]")

Numbers = tuple[int | None, int | None]
"""Layer and expert."""
Thing = TypeVar("Thing")


class Templates(Generic[Thing]):
    """Things by the templates of the names they stand for."""

    def __init__(self, things: Iterable[tuple[str, Thing]]) -> None:
        self._forms: dict[str, list[tuple[tuple[str, ...], Thing]]] = {}
        for template, thing in things:
            for skeleton, slots in _forms(template):
                self._forms.setdefault(skeleton, []).append((slots, thing))

    def find(self, name: str) -> Iterator[tuple[Thing, Numbers]]:
        """Yield what stands for a name, each with the layer and the expert it names."""
        skeleton, digits = _skeleton(name)
        for slots, thing in self._forms.get(skeleton, ()):
            numbers = _read(slots, digits)
            if numbers is not None:
                yield thing, numbers

    def among(self, names: Names) -> dict[str, list[tuple[Thing, Numbers]]]:
        """Return what stands for each of many names, of those that anything stands for."""
        found: dict[str, list[tuple[Thing, Numbers]]] = {}
        for skeleton, same in names.items():
            for raw, name in same if skeleton in self._forms else ():
                if things := list(self.find(name)):
                    found[raw] = things
        return found


Names = Mapping[str, Sequence[tuple[str, str]]]
"""Names as they are and unwrapped, by their skeleton: a model has few of these."""


def grouped(raw_names: Iterable[str]) -> Names:
    """Return names by their skeleton, to be compared with many templates."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for raw_name in raw_names:
        name = unwrap(raw_name)
        groups.setdefault(_skeleton(name)[0], []).append((raw_name, name))
    return groups


@lru_cache(maxsize=1 << 16)
def unwrap(name: str) -> str:
    """Return a tensor name without `WRAPPERS`, however often one is there."""
    plain = name
    for wrapper in WRAPPERS:
        plain = plain.removeprefix(wrapper).replace("." + wrapper, ".")
    return name if plain == name else unwrap(plain)


def may_occur(template: str, names: Names) -> bool:
    """Return whether any name is like a template, but perhaps for its numbers."""
    return any(skeleton in names for skeleton, _ in _forms(template))


def match(template: str, name: str) -> Numbers | None:
    """Return (layer, expert) when a name fits a template, else None."""
    found = next(Templates([(template, None)]).find(name), None)
    return None if found is None else found[1]


def fill(template: str, layer: int | None, expert: int | None = None) -> str:
    """Return the name a template stands for, for messages: without what may be missing from it."""
    first = template.partition("|")[0]
    name = _OPTION.sub("", first)
    for token, number in (("{layer}", layer), ("{expert}", expert)):
        name = name if number is None else name.replace(token, str(number))
    return name


@lru_cache(maxsize=1 << 16)
def _skeleton(name: str) -> tuple[str, tuple[str, ...]]:
    return _NUMBER.sub("#", name), tuple(_NUMBER.findall(name))


def _read(slots: tuple[str, ...], digits: tuple[str, ...]) -> Numbers | None:
    """Return layer and expert when the numbers of a name are those a template asks for."""
    if len(slots) != len(digits):  # a name that has # itself
        return None
    read: dict[str, int] = {}
    for slot, number in zip(slots, digits, strict=True):
        if slot.startswith("{"):
            if len(number) > LONGEST or (number != "0" and number.startswith("0")):
                return None
            read[slot] = int(number)
        elif slot != number:
            return None
    return read.get("{layer}"), read.get("{expert}")


@cache
def _forms(template: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return every skeleton a template has, with what stands at each of its numbers."""
    return tuple(
        (_SLOT.sub("#", plain), tuple(_SLOT.findall(plain)))
        for alternative in template.split("|")
        for plain in _plain(alternative)
    )


def _plain(template: str) -> Iterator[str]:
    """Yield a template with and without each of its optional parts."""
    option = _OPTION.search(template)
    if option is None:
        yield template
        return
    before, after = template[: option.start()], template[option.end() :]
    yield from _plain(before + option[1] + after)
    yield from _plain(before + after)
