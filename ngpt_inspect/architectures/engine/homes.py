"""Where the layers of a model are among its names, whatever its code calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ngpt_inspect.architectures.engine.template import Templates, unwrap
from ngpt_inspect.vocabulary import Role

LISTS = frozenset({"layers", "layer", "h", "blocks", "block", "blk"})
"""What a list of layers is called; any other list holds one part of every layer."""
FOREIGN = ("vision", "visual", "image", "img", "audio", "speech")
"""Words of what a model sees and hears with."""
HEADS = ("lm_head.", "cls.", "decoder.", "pred_layer.", "generator_", "lm_loss.", "output.")
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
    stacks: tuple[tuple[str, ...], ...] = ()
    """Where its layers are in several lists, what stands before each, counted on in this order."""
    n_each: int = 0
    """Layers in each of these."""

    def name(self, raw_name: str) -> str:
        """Return the name from the list of layers on: ``layers.3.mlp.up_proj.weight``.

        Outside the layers it is the name without as much of the trunk as makes it a known one.
        """
        found = self._in_layer(raw_name)
        if found is None:
            return self.outside(unwrap(raw_name))
        if self.stacks:
            return found.name(self.stacks.index(found.trunk) * self.n_each + found.number)
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

    def layers(self, raw_names: Iterable[str]) -> set[int]:
        """Return the numbers of its layers, counted as in `name`."""
        return {int(self.name(each).split(".")[1]) for each in raw_names if self.layered(each)}

    def holds(self, raw_name: str) -> bool:
        """Return whether a tensor is of the language model, not of what it sees or hears with."""
        name = unwrap(raw_name)
        split = _split(name)
        if split is not None and split.listed:
            return split.trunk in (self.stacks or (self.trunk,))
        if not self.trunk:
            return not any(word in name for word in FOREIGN)
        ours = name.startswith((f"{self.trunk[0]}.", *HEADS))
        return ours or self.knows(self.name(raw_name))

    def _in_layer(self, raw_name: str) -> _Split | None:
        split = _split(unwrap(raw_name))
        if split is None or split.listed != self.listed:
            return None
        return split if split.trunk in (self.stacks or (self.trunk,)) else None

    def outside(self, name: str) -> str:
        """Return a name outside of the layers without as much of the trunk as makes it known."""
        lengths = range(len(self.trunk), -1, -1)
        ends = (name.removeprefix(".".join(self.trunk[:n]) + ".") for n in lengths)
        return next((end for end in ends if self.knows(end)), name)


def home_of(raw_names: Iterable[str], words: Templates[Any]) -> Home:
    """Return the home where a vocabulary knows most tensors, of those with embeddings near."""
    names = [unwrap(raw_name) for raw_name in raw_names]
    splits = [_split(name) for name in names]
    known: dict[_Place, set[str]] = {}
    subs: dict[_Place, int] = {}
    for split in filter(None, splits):
        at = split.trunk, split.listed
        if _knows(words, split.name(split.number)):
            known.setdefault(at, set()).add(split.name(split.number))
        elif split.sub is not None and _knows(words, split.sub_name(split.number)):
            known.setdefault(at, set()).add(".".join(split.rest))
            subs[at] = max(subs.get(at, 1), split.sub + 1)
    tables = [name for name, split in zip(names, splits, strict=True) if split is None]

    def rank(at: _Place) -> tuple[bool, bool, int]:
        near = any(_is_table(words, Home(at[0], words).outside(name)) for name in tables)
        foreign = any(word in part for part in at[0] for word in FOREIGN)
        return near, not foreign, len(known[at])

    best = max(known, key=rank, default=((), True))
    home = Home(best[0], words, best[1], min(subs.get(best, 1), MOST_SUBS))
    stacks = _stacks(best, known, names)
    return replace(home, stacks=stacks, n_each=_n_layers(known[best])) if stacks else home


_Place = tuple[tuple[str, ...], bool]
"""A trunk, and whether its layers are one list."""


def _stacks(best: _Place, known: Mapping[_Place, set[str]], names: list[str]) -> _Stacks:
    """Return the trunks of lists of layers side by side that are alike and hold nothing else."""
    alike = [trunk for trunk, listed in known if known[trunk, listed] == known[best]]
    if len(alike) < 2:
        return ()
    beside = [
        trunk
        for trunk in alike
        if trunk[:-1] == best[0][:-1]
        and all(_split(name) for name in names if name.startswith(".".join((*trunk, ""))))
    ]
    return tuple(sorted(beside)) if len(beside) > 1 and best[0] in beside else ()


_Stacks = tuple[tuple[str, ...], ...]


def _n_layers(names: set[str]) -> int:
    return 1 + max(int(name.split(".")[1]) for name in names)


def _is_table(words: Templates[Any], name: str) -> bool:
    return any(rule.role is Role.E_INPUT for rule, _ in words.find(name))


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


@lru_cache(maxsize=1 << 16)
def _split(name: str) -> _Split | None:
    parts = name.split(".")
    at = next((n for n, part in enumerate(parts) if part.isdecimal() and len(part) < 5), None)
    if not at:
        return None
    listed = parts[at - 1] in LISTS
    part = () if listed else (parts[at - 1],)
    return _Split(tuple(parts[: at - 1]), listed, int(parts[at]), (*part, *parts[at + 1 :]))
