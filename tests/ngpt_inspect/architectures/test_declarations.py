"""What holds for every declared layout, whichever is added."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from ngpt_inspect.architectures import ARCHITECTURES, Architecture, Rule
from ngpt_inspect.architectures.engine.template import Templates, fill, match
from ngpt_inspect.expressions import evaluate, names_in
from ngpt_inspect.vocabulary import Kind, Role

DIMENSIONS = {
    **{"d_model": 16, "d_k": 4, "d_mlp": 24, "n_heads": 4, "n_kv_heads": 2, "vocab_size": 30},
    **{"context": 12, "n_layers": 3, "n_experts": 2},
    # Widths of MLPs that a mixture has beside the usual one.
    **{"d_dense": 24, "d_shared": 24, "d_expert": 24},
    # Gains of normed queries and keys: of a head, or of all heads at once.
    **{"d_gain_q": 4, "d_gain_k": 4},
}

every = pytest.mark.parametrize("each", ARCHITECTURES.values(), ids=list(ARCHITECTURES))
LAYOUTS = {name: each for name, each in ARCHITECTURES.items() if not each.parts}
every_layout = pytest.mark.parametrize("each", LAYOUTS.values(), ids=list(LAYOUTS))
"""A vocabulary of parts has sizes of its own in each block."""


def with_constants(each: Architecture) -> dict[str, float]:
    known: dict[str, float] = dict(DIMENSIONS)
    for constant in each.constants:
        known[constant.name] = evaluate(constant.assumed, known)
    return known


def alternatives(rule: Rule) -> Iterator[list[str]]:
    for declared in rule.shape.split("|"):
        yield [axis.strip() for axis in declared.split(",")]


@every
def test_names_match_themselves_and_no_other_rule(each: Architecture) -> None:
    rules = Templates([(rule.name, rule) for rule in each.rules])
    others = Templates([(template, template) for template in (*each.ignored, *each.excludes)])
    for rule in each.rules:
        name = fill(rule.name, 5).replace("{expert}", "1")
        layer = 5 if "{layer}" in rule.name else None
        assert match(rule.name, name) == (layer, 1 if "{expert}" in rule.name else None)
        assert not [*others.find(name)], name
        parts = [other for other, _ in rules.find(name) if other.block == rule.block]
        assert len(parts) == 1 or all(part.rows is not None for part in parts), name


@every_layout
def test_expressions_are_arithmetic_over_known_names(each: Architecture) -> None:
    known = with_constants(each)
    for constant in each.constants:
        assert math.isfinite(known[constant.name])
        assert constant.because
        assert all(math.isfinite(evaluate(v, known)) for v in constant.values.values())
    for rule in each.rules:
        assert math.isfinite(evaluate(rule.factor, known | {"layer": 1}))
        assert math.isfinite(evaluate(rule.offset, known))
        assert evaluate(rule.groups, known) >= 1
        for bound in rule.rows or ():
            assert evaluate(bound, known) >= 0
            assert len(rule.rows or ()) in (2, 3)
        for axes in alternatives(rule):
            assert all(evaluate(axis, known) > 0 for axis in axes)
        if rule.view is not None:
            assert all(evaluate(axis, known) > 0 for axis in rule.view.split(","))


@every_layout
def test_shapes_are_those_of_the_role(each: Architecture) -> None:
    """In (out, in) layout, and once a fused tensor is cut, each role has the size it should."""
    known = {name: float(size) for name, size in DIMENSIONS.items()} | {"n_kv_heads": 4.0}
    known["d_gate"] = known["n_heads"] * known["d_k"]
    known |= {c.name: 1.0 for c in each.constants}
    for rule in each.rules:
        axes = [evaluate(axis, known) for axis in next(alternatives(rule))]
        axes = axes[1:] if rule.stacked else axes
        axes = axes[::-1] if rule.transposed else axes
        if rule.view is not None:
            axes = [evaluate(axis, known) for axis in rule.view.split(",")]
        if rule.rows is not None:
            rows = range(*(int(evaluate(bound, known)) for bound in rule.rows))
            axes = [len(rows) * evaluate(rule.groups, known), *axes[1:][-1:]]
        if rule.role is Role.S_QK and axes == [known["d_k"]]:
            continue  # one vector that all heads share
        if "any" in rule.role.facts.shape:
            continue  # a side path has a width of its own
        expected = [evaluate(axis, known) for axis in rule.role.facts.shape.split(",")]
        assert axes == expected, rule


@every
def test_parts_of_a_fused_tensor_cover_it_once(each: Architecture) -> None:
    known = with_constants(each) | {"n_kv_heads": DIMENSIONS["n_heads"]}
    fused: dict[tuple[str, str], list[Rule]] = {}
    for rule in each.rules:
        if rule.rows is not None:
            fused.setdefault((rule.name, rule.block), []).append(rule)
    for name, rules in fused.items():
        shape = [evaluate(axis, known) for axis in next(alternatives(rules[0]))]
        shape = shape[1:] if rules[0].stacked else shape
        height = shape[-1] if rules[0].transposed else math.prod(shape[:-1] or shape)
        taken = sorted(
            row for r in rules for row in range(*(int(evaluate(b, known)) for b in r.rows or ()))
        )
        groups = evaluate(rules[0].groups, known)
        assert taken == list(range(int(height // groups))), name


@every
def test_the_core_of_a_model_is_required(each: Architecture) -> None:
    required = {rule.role for rule in each.rules if not rule.optional}
    core = {Role.E_INPUT, Role.W_Q, Role.W_K, Role.W_V, Role.W_O, Role.W_U, Role.W_O_MLP}
    assert core <= required
    declared = {rule.role for rule in each.rules}
    assert each.family in ("GPT", "nGPT")
    kinds = {role.facts.kind for role in declared}
    if each.family == "nGPT":
        assert {Role.ALPHA_A, Role.ALPHA_M} <= declared
        assert Kind.SCALING in kinds
    else:
        assert not kinds & {Kind.EIGEN_LEARNING_RATE, Kind.SCALING}


@every
def test_only_alpha_is_taken_absolute(each: Architecture) -> None:
    for rule in each.rules:
        is_alpha = rule.role.facts.kind is Kind.EIGEN_LEARNING_RATE
        assert not rule.absolute or is_alpha, rule
        scaled = rule.role.facts.kind in (Kind.EIGEN_LEARNING_RATE, Kind.SCALING)
        assert scaled or rule.factor == "1", f"{rule.role} is stored as used"
        assert rule.role.facts.kind is Kind.GAIN or rule.offset == "0"
        assert rule.offset in ("0", "1", "gain_offset")
        assert rule.role.facts.kind in (Kind.MATRIX, Kind.EMBEDDING) or rule.normalised is None


@every
def test_constants_and_provenance(each: Architecture) -> None:
    used = {name for r in each.rules for text in (r.factor, r.offset) for name in names_in(text)}
    names = [constant.name for constant in each.constants]
    assert used <= {*names, *DIMENSIONS, "layer"}
    assert set(names) <= used | {n for c in each.constants for n in names_in(c.assumed)}
    counted = [constant.name for constant in each.constants if not constant.when]
    assert sorted(counted) == sorted(set(names)), "each counts somewhere, and once"
    assert each.title
    assert each.source
