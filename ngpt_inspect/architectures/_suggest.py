"""Drafts a declaration for tensors that no built-in one places: names, shapes, likeness."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache

from ngpt_inspect.architectures._architecture import BIAS, Architecture, Constant, Rule
from ngpt_inspect.architectures._dimensions import axes, dimensions
from ngpt_inspect.architectures._template import unwrap
from ngpt_inspect.expressions import evaluate, names_in
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.vocabulary import Kind, Role

ALIKE = 0.55
"""Likeness of two names (difflib's ratio of their words) from which on a role is suggested."""
PAPER = "reference_ngpt"
"""The declaration whose constants are those of the paper."""
UNDECIDED = "no role suggested: give it one, or say here why it has none"

_NOISE = frozenset({"weight", "model", "transformer", "layers", "layer", "h", "blocks", "block"})
_NUMBERED = re.compile(r"(?<![^.])[0-9]+(?![^.])")


@dataclass(frozen=True)
class _Group:
    """The rules of one tensor of a built-in declaration."""

    words: str
    rules: tuple[Rule, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(rule.role for rule in self.rules)


@dataclass(frozen=True)
class _Guess:
    likeness: float
    template: str
    group: _Group


def suggested(
    contents: Contents, architectures: Mapping[str, Architecture], n_heads: int | None = None
) -> Architecture:
    """Return a draft: each tensor's most likely role, or a place among the ignored.

    Names become templates: the first number between dots counts layers, one after ``experts``
    counts experts. A template takes over the rules of the built-in tensor whose name is most
    like it and whose shape is possible; each role is given once. Init and scale of learned
    vectors are the paper's.
    """
    tensors = _templates(contents)
    sizes = _sizes(contents, list(tensors.values()), n_heads)
    groups = _groups(tuple(architectures.values()))
    guesses = sorted(
        (
            guess
            for name, tensor in tensors.items()
            if not name.endswith("bias")
            for guess in _guesses(name, tensor, groups, sizes)
        ),
        key=lambda guess: -guess.likeness,
    )
    taken: dict[str, _Group] = {}
    given: set[Role] = set()
    for guess in guesses:
        if guess.template not in taken and not given & set(guess.group.roles):
            taken[guess.template] = guess.group
            given |= set(guess.group.roles)
    factors, constants = _papers(architectures)
    rules = tuple(
        replace(
            rule, name=name, block="", optional=False, factor=factors.get(rule.role, rule.factor)
        )
        for name, group in taken.items()
        for rule in group.rules
    )
    order = {role: rank for rank, role in enumerate(Role)}
    used = {name for rule in rules for name in names_in(rule.factor)}
    return Architecture(
        name="mine",
        family="nGPT" if given & {Role.ALPHA_A, Role.ALPHA_M} else "GPT",
        title="mine",
        source=f"drafted from {contents.source}",
        rules=tuple(sorted(rules, key=lambda rule: order[rule.role])),
        ignored={
            name: BIAS if name.endswith("bias") else UNDECIDED
            for name in tensors
            if name not in taken
        },
        constants=tuple(c for c in constants if c.name in used),
    )


def _papers(
    architectures: Mapping[str, Architecture],
) -> tuple[dict[Role, str], tuple[Constant, ...]]:
    """Return init / scale of each learned vector as in the paper: a code's own is not known."""
    paper = architectures[PAPER]
    factors = {rule.role: rule.factor for rule in paper.rules}
    factors |= dict.fromkeys((Role.S_Q, Role.S_K), factors[Role.S_QK])
    return factors, tuple(replace(constant, keys=()) for constant in paper.constants)


def _templates(contents: Contents) -> dict[str, StoredTensor]:
    """Return one tensor for each template that names follow."""
    found: dict[str, StoredTensor] = {}
    for raw_name, tensor in contents.tensors.items():
        name = _NUMBERED.sub("{layer}", unwrap(raw_name), count=1)
        found.setdefault(re.sub(r"(experts\.)[0-9]+(?=\.)", r"\1{expert}", name), tensor)
    return found


def _sizes(contents: Contents, tensors: list[StoredTensor], n_heads: int | None) -> dict[str, int]:
    """Return what is known of the dimensions: heads, and d_model as most matrices have it."""
    known, _ = dimensions(contents, (), n_heads)
    matrices = [tensor.shape for tensor in tensors if len(tensor.shape) == 2]
    counts = [size for shape in matrices for size in set(shape)]
    if counts:
        known["d_model"] = max(counts, key=lambda size: (counts.count(size), -size))
    return known


@cache
def _words(name: str) -> str:
    """Return what of a name says the role: what follows the layer's number, if there is one."""
    plain = re.sub(r"\{\w+\}|[\[\]]", "", name.rpartition("{layer}")[2]).lower()
    return " ".join(w for w in re.split(r"[^a-z0-9]+", plain) if w and w not in _NOISE)


def _groups(architectures: tuple[Architecture, ...]) -> list[_Group]:
    groups = []
    for each in architectures:
        by_name: dict[str, list[Rule]] = {}
        for rule in each.rules:
            by_name.setdefault(rule.name, []).append(rule)
        groups += [
            _Group(_words(alternative), tuple(rules))
            for name, rules in by_name.items()
            for alternative in name.split("|")
        ]
    return groups


def _guesses(
    template: str, tensor: StoredTensor, groups: list[_Group], sizes: Mapping[str, int]
) -> Iterator[_Guess]:
    words = _words(template)
    for group in groups:
        rule = group.rules[0]
        layered = "{layer}" in template
        if layered != ("{layer}" in rule.name) or not _possible(rule, tensor.shape, sizes):
            continue
        likeness = SequenceMatcher(None, words, group.words).ratio()
        if likeness >= ALIKE:
            yield _Guess(likeness, template, group)


def _possible(rule: Rule, shape: tuple[int, ...], sizes: Mapping[str, int]) -> bool:
    """Return whether a shape can be the one declared, as far as sizes are known."""
    if rule.role.facts.kind is Kind.EMBEDDING and max(shape, default=0) <= sizes.get("d_model", 0):
        return False
    return any(
        len(declared) == len(shape) and all(map(_fits, declared, shape, [sizes] * len(shape)))
        for declared in map(axes, rule.shape.split("|"))
    )


def _fits(axis: str, size: int, sizes: Mapping[str, int]) -> bool:
    return bool(names_in(axis) - set(sizes)) or evaluate(axis, sizes) == size
