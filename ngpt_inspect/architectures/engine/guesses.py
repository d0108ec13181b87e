"""Which built-in tensor a drafted one is like: name, words, shape, and likeness last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import chain

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
from ngpt_inspect.architectures.engine.dimensions import axes
from ngpt_inspect.architectures.engine.orientation import may_be
from ngpt_inspect.architectures.engine.words import told, told_of_vector, words
from ngpt_inspect.expressions import names_in
from ngpt_inspect.stored import StoredTensor
from ngpt_inspect.vocabulary import Role

ALIKE = 0.55
"""Likeness of two names (difflib's ratio of their words) from which on a role is suggested."""


@dataclass(frozen=True)
class Alike:
    """The rules of one tensor of a built-in declaration."""

    words: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def roles(self) -> frozenset[Role]:
        """What it holds."""
        return frozenset(rule.role for rule in self.rules)

    @property
    def cut(self) -> frozenset[tuple[Role, tuple[str, ...] | None, str]]:
        """Which rows each role has."""
        return frozenset((rule.role, rule.rows, rule.groups) for rule in self.rules)


@dataclass(frozen=True)
class _Guess:
    """A group for a template; `worth` says how far by name, words, likeness and known sizes."""

    worth: tuple[bool, bool, float, bool]
    template: str
    group: Alike


def groups_of(architectures: Iterable[Architecture]) -> list[Alike]:
    """Return every built-in tensor by each of its names, matrices as (out, in)."""
    groups = []
    for each in architectures:
        by_name: dict[tuple[str, str], list[Rule]] = {}
        for rule in each.rules:
            by_name.setdefault((rule.name, rule.block), []).append(rule)
        groups += [
            Alike(words(alternative), tuple(replace(r, name=alternative) for r in rules))
            for (name, _), rules in by_name.items()
            for alternative in name.split("|")
        ]
    return groups


def chosen(
    tensors: Mapping[str, StoredTensor], groups: list[Alike], sizes: Mapping[str, int]
) -> tuple[dict[str, Alike], dict[str, str]]:
    """Return the group of each template, each role given once, and why others are left open."""
    guesses = {name: list(_guesses(name, t, groups, sizes)) for name, t in tensors.items()}
    taken: dict[str, Alike] = {}
    left: dict[str, str] = {}
    given: set[tuple[Role, str]] = set()
    for guess in sorted(chain(*guesses.values()), key=lambda g: g.worth, reverse=True):
        name = guess.template
        mine = {(role, _kind(name)) for role in guess.group.roles}
        if name in taken or name in left or given & mine:
            continue
        rivals = [g.group for g in guesses[name] if g.worth[:3] == guess.worth[:3]]
        if len({rival.cut for rival in rivals}) > 1:
            left[name] = _undecided(rivals)
        else:
            taken[name] = guess.group
            given |= mine
    return taken, left


def _kind(name: str) -> str:
    """Return which of the MLPs that a mixture has beside each other a name is of."""
    return next((kind for kind in ("{expert}", "shared") if kind in name), "")


def _undecided(rivals: list[Alike]) -> str:
    """Say between what a name and a shape do not decide."""
    roles = {", ".join(role for role in Role if role in group.roles) for group in rivals}
    if len(roles) == 1:
        return f"holds {roles.pop()} in an order that nothing tells: give rows and groups"
    return f"could be {' or '.join(sorted(roles))}: give it a role"


def _guesses(
    template: str, tensor: StoredTensor, groups: list[Alike], sizes: Mapping[str, int]
) -> Iterator[_Guess]:
    """Yield what a tensor can be: named so outright, else told by its words, else alike.

    A likeness alone is followed only where the shape allows no second role, and never to an
    order of rows.
    """
    mine, matrix = words(template), len(tensor.shape) == 2
    roles = told(template) if matrix else told_of_vector(template)
    fitting = [
        _Guess(_worth(mine, roles, group, sizes), template, group)
        for group in groups
        if ("{layer}" in template) == ("{layer}" in group.rules[0].name)
        and may_be(group.rules[0], tensor.shape, sizes)
    ]
    named = [guess for guess in fitting if guess.worth[0]]
    plain = [guess for guess in fitting if len(guess.group.rules) == 1]
    if named:
        yield from named
    elif roles:
        # Several roles are those of a fused matrix, but of a vector those it may have.
        yield from (
            g for g in plain if g.group.roles == roles or (g.group.roles < roles and not matrix)
        )
    elif len({guess.group.roles for guess in plain}) == 1:
        yield from (guess for guess in plain if guess.worth[2] >= ALIKE)


def _worth(
    mine: tuple[str, ...], roles: frozenset[Role], group: Alike, sizes: Mapping[str, int]
) -> tuple[bool, bool, float, bool]:
    likeness = _likeness(" ".join(mine), " ".join(group.words))
    known = all(names_in(axis) <= set(sizes) for axis in axes(group.rules[0].shape.split("|")[0]))
    return mine == group.words, group.roles == roles, likeness, known


@lru_cache(maxsize=1 << 14)  # the layouts share most of their names
def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
