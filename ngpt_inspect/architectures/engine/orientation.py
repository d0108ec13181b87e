"""Which way a drafted matrix is stored: by its shape, and where that is square by its fellows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ngpt_inspect.architectures.engine.architecture import Rule
from ngpt_inspect.architectures.engine.dimensions import axes, possible
from ngpt_inspect.stored import StoredTensor
from ngpt_inspect.vocabulary import Kind


def may_be(rule: Rule, shape: tuple[int, ...], sizes: Mapping[str, int]) -> bool:
    """Return whether a shape can be the one declared, either way round, as far as sizes tell."""
    if rule.role.facts.kind is Kind.EMBEDDING and max(shape, default=0) <= sizes.get("d_model", 0):
        return False
    return any(
        possible(declared, shape, sizes)
        or (_turns(rule) and possible(declared[::-1], shape, sizes))
        for declared in map(axes, rule.shape.split("|"))
    )


def oriented(
    groups: Mapping[str, tuple[Rule, ...]],
    tensors: Mapping[str, StoredTensor],
    sizes: Mapping[str, int],
) -> tuple[list[Rule], list[str]]:
    """Return the rules under their new names, turned as the shapes are, and what to say of it.

    A square matrix is stored as the others are. Where they differ, or all are square, (out, in)
    is taken and said.
    """
    ways = {
        name: _ways(rules[0], tensors[name].shape, sizes)
        for name, rules in groups.items()
        if _turns(rules[0])
    }
    settled = {next(iter(way)) for way in ways.values() if len(way) == 1}
    usual = settled.pop() if len(settled) == 1 else False
    square = [name for name, way in ways.items() if len(way) > 1]
    notes = []
    if square and not any(len(way) == 1 for way in ways.values()):
        notes = ["every matrix is square: whether they are stored (out, in), as taken, is not told"]
    elif square and len({next(iter(way)) for way in ways.values() if len(way) == 1}) > 1:
        notes = [f"{', '.join(square)}: square, and taken as (out, in); others differ"]
    out = []
    for name, rules in groups.items():
        way = ways.get(name, set())
        turned = usual if len(way) != 1 else next(iter(way))
        out += [replace(_turned(r, turned) if way else r, name=name) for r in rules]
    return out, notes


def _turns(rule: Rule) -> bool:
    """Return whether a rule is of a plain matrix, which can be stored either way."""
    one = "|" not in rule.shape and len(axes(rule.shape)) == 2
    return rule.role.facts.kind is Kind.MATRIX and one and not rule.stacked


def _ways(rule: Rule, shape: tuple[int, ...], sizes: Mapping[str, int]) -> set[bool]:
    """Return which of stored (out, in), False, and (in, out), True, a shape can be."""
    out_in = axes(rule.shape)[:: -1 if rule.transposed else 1]
    return {t for t in (False, True) if possible(out_in[:: -1 if t else 1], shape, sizes)}


def _turned(rule: Rule, transposed: bool) -> Rule:
    if transposed == rule.transposed:
        return rule
    return replace(rule, transposed=transposed, shape=", ".join(axes(rule.shape)[::-1]))
