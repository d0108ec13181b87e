"""Whether a declaration makes sense, before it is compared with any file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
from ngpt_inspect.architectures.engine.dimensions import CONFIG_KEYS, names_of
from ngpt_inspect.expressions import names_in, require_arithmetic
from ngpt_inspect.vocabulary import Role

FAMILIES = ("GPT", "nGPT")
STACKED = ("", "expert", "layer")
GIVEN = frozenset({"n_layers", "n_experts", *CONFIG_KEYS})
"""Dimensions that are known though no shape may name them."""

_PLACEHOLDER = re.compile(r"\{(?:layer|expert)\}")
_TOUCHES_NUMBER = re.compile(r"[0-9}]\{|\}[0-9{]")


def faults(architecture: Architecture) -> Iterator[str]:
    """Yield one sentence for each thing in a declaration that cannot be meant."""
    if architecture.family not in FAMILIES:
        yield f"family is {architecture.family!r}, not one of {', '.join(FAMILIES)}"
    sizes = set(GIVEN)
    for place, rule in enumerate(architecture.rules):
        yield from _of_template(rule.name, f"rules[{place}].name")
        for axis in re.split(r"[,|]", rule.shape):
            yield from _of_expression(axis, None, f"rules[{place}].shape")
            sizes |= _names(axis)
    for name in ("ignored", "buffers", "excludes"):
        for template in getattr(architecture, name):
            yield from _of_template(template, f"{name}.{template}")
    for place, constant in enumerate(architecture.constants):
        yield from _of_expression(constant.assumed, sizes, f"constants[{place}].assumed")
        for said, value in constant.values.items():
            yield from _of_expression(value, sizes, f"constants[{place}].values.{said}")
        sizes.add(constant.name)
    for place, rule in enumerate(architecture.rules):
        yield from _of_rule(rule, sizes, f"rules[{place}]")
    e_input = [r for r in architecture.rules if r.role is Role.E_INPUT and not r.optional]
    if not any({"vocab_size", "d_model"} <= _names(rule.shape) for rule in e_input):
        yield "rules has none for E_input whose shape names vocab_size and d_model"


def _of_rule(rule: Rule, sizes: set[str], at: str) -> Iterator[str]:
    if rule.stacked not in STACKED:
        yield f"{at}.stacked is {rule.stacked!r}, not 'expert' or 'layer'"
    if rule.stacked and f"{{{rule.stacked}}}" in rule.name:
        yield f"{at}.stacked is {rule.stacked!r}, which its name counts already"
    for name in ("groups", "offset"):
        yield from _of_expression(getattr(rule, name), sizes, f"{at}.{name}")
    yield from _of_expression(rule.factor, sizes | {"layer"}, f"{at}.factor")
    if rule.rows is not None and len(rule.rows) not in (2, 3):
        yield f"{at}.rows has {len(rule.rows)} entries, not start, stop and perhaps step"
    for bound in rule.rows or ():
        yield from _of_expression(bound, sizes, f"{at}.rows")
    for axis in (rule.view or "1").split(","):
        yield from _of_expression(axis, sizes, f"{at}.view")
    if any("/" not in membership for membership in filter(None, rule.block.split("|"))):
        yield f"{at}.block is {rule.block!r}, not like 'mlp/experts'"


def _of_template(template: str, at: str) -> Iterator[str]:
    plain = _PLACEHOLDER.sub("", template)
    if any(brace in plain for brace in "{}"):
        yield f"{at} is {template!r}: only {{layer}} and {{expert}} stand in braces"
    if plain.count("[") != plain.count("]") or re.search(r"\[[^\]]*(?:\[|$)|^[^\[]*\]", plain):
        yield f"{at} is {template!r}: each [ needs a ] after it, and none inside"
    if _TOUCHES_NUMBER.search(template):
        yield f"{at} is {template!r}: two numbers side by side cannot be told apart"


def _of_expression(text: str, known: set[str] | None, at: str) -> Iterator[str]:
    try:
        require_arithmetic(text)
        unknown = sorted(names_in(text) - (names_in(text) if known is None else known))
    except ValueError as error:
        yield f"{at}: {error}"
        return
    if unknown:
        yield f"{at} uses {unknown[0]}, which no shape and no constant defines"


def _names(shape: str) -> set[str]:
    try:
        return set(names_of(shape))
    except ValueError:
        return set()
