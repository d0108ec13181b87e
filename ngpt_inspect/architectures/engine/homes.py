"""Where the layers of a model are among its names, whatever its code calls them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.architectures.engine.template import Templates, unwrap

LISTS = frozenset({"layers", "layer", "h", "blocks", "block"})
"""What a list of layers is called; any other list holds one part of every layer."""
HEADS = ("lm_head.", "cls.", "decoder.", "pred_layer.", "generator_")
"""What stands beside the trunk and makes tokens of what it returns."""
MOST_SUBS = 8
"""Layers counted as one."""


@dataclass(frozen=True)
class Home:
    """The names of one language model, as a vocabulary of parts spells them."""

    trunk: tuple[str, ...]
    """What stands before the lists of its layers."""
    words: Templates[Any]
    listed: bool = True
    """Its layers are one list; else each part has a list of its own (``attentions.3``)."""
    n_subs: int = 1
    """How many layers are counted as one, each as ``self_attn.0``, ``self_attn.1``."""

    def name(self, raw_name: str) -> str:
        """Return the name from the list of layers on: ``layers.3.mlp.up_proj.weight``.

        Outside the layers it is the name without as much of the trunk as makes it a known one.
        """
        found = self._in_layer(raw_name)
        if found is None:
            return self._outside(unwrap(raw_name))
        plain = found.name(found.number * self.n_subs)
        if self.n_subs == 1 or found.sub is None or self.knows(plain):
            return plain
        return found.sub_name(found.number * self.n_subs + found.sub)

    def knows(self, name: str) -> bool:
        """Return whether the vocabulary has this name."""
        return _knows(self.words, name)

    def layered(self, raw_name: str) -> bool:
        """Return whether a tensor is of its layers."""
        return self._in_layer(raw_name) is not None

    def holds(self, raw_name: str) -> bool:
        """Return whether a tensor is of the language model, not of what it sees or hears with."""
        name = unwrap(raw_name)
        split = _split(name)
        if split is not None and split.listed:
            return split.trunk == self.trunk
        ours = name.startswith((".".join(self.trunk[:1]) + ".", *HEADS))
        return ours or self.knows(self.name(raw_name))

    def _in_layer(self, raw_name: str) -> _Split | None:
        split = _split(unwrap(raw_name))
        is_ours = split is not None and (split.trunk, split.listed) == (self.trunk, self.listed)
        return split if is_ours else None

    def _outside(self, name: str) -> str:
        lengths = range(len(self.trunk), -1, -1)
        ends = (name.removeprefix(".".join(self.trunk[:n]) + ".") for n in lengths)
        return next((end for end in ends if self.knows(end)), name)


def home_of(names: Iterable[str], words: Templates[Any]) -> Home:
    """Return the home where a vocabulary knows most tensors."""
    count: Counter[tuple[tuple[str, ...], bool]] = Counter()
    subs: dict[tuple[tuple[str, ...], bool], int] = {}
    for split in filter(None, map(_split, map(unwrap, names))):
        at = split.trunk, split.listed
        if _knows(words, split.name(split.number)):
            count[at] += 1
        elif split.sub is not None and _knows(words, split.sub_name(split.number)):
            count[at] += 1
            subs[at] = max(subs.get(at, 1), split.sub + 1)
    trunk, listed = max(count, key=lambda at: count[at], default=((), True))
    return Home(trunk, words, listed, min(subs.get((trunk, listed), 1), MOST_SUBS))


@dataclass(frozen=True)
class _Split:
    """A name cut at its first number."""

    trunk: tuple[str, ...]
    listed: bool
    number: int
    rest: tuple[str, ...]

    @property
    def sub(self) -> int | None:
        """The number of one of several alike in this layer."""
        numbered = len(self.rest) > 2 and self.rest[1].isdecimal()
        return int(self.rest[1]) if numbered else None

    def name(self, layer: int) -> str:
        return f"layers.{layer}.{'.'.join(self.rest)}"

    def sub_name(self, layer: int) -> str:
        return f"layers.{layer}.{'.'.join((self.rest[0], *self.rest[2:]))}"


def _knows(words: Templates[Any], name: str) -> bool:
    return next(words.find(name), None) is not None


def _split(name: str) -> _Split | None:
    parts = name.split(".")
    at = next((n for n, part in enumerate(parts) if part.isdecimal() and len(part) < 5), None)
    if not at:
        return None
    listed = parts[at - 1] in LISTS
    part = () if listed else (parts[at - 1],)
    return _Split(tuple(parts[: at - 1]), listed, int(parts[at]), (*part, *parts[at + 1 :]))
