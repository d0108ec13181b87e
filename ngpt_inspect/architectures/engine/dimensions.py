"""Solves a model's dimensions from its config and from the shapes of its placed tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from ngpt_inspect.expressions import evaluate, names_in, solve
from ngpt_inspect.stored import Contents
from ngpt_inspect.wording import cut, sizes

CONFIG_KEYS: Mapping[str, tuple[str, ...]] = {
    "n_heads": (
        "n_heads",
        "n_head",
        "num_attention_heads",
        "num_heads",
        "decoder_attention_heads",
        "decoder_num_attention_heads",
        "attention_heads",
    ),
    "n_kv_heads": (
        "n_kv_heads",
        "n_kv_head",
        "num_key_value_heads",
        "n_head_k",
        "num_query_groups",
        "decoder_num_key_value_heads",
    ),
    "d_k": ("d_k", "head_dim", "kv_channels"),
}
"""Only what tensor shapes cannot tell: every other dimension is read off the tensors."""

Shaped = tuple[str, str, tuple[int, ...]]
"""A tensor's name, its declared shape (alternatives separated by |), its real shape."""


def dimensions(
    contents: Contents, shaped: Iterable[Shaped], n_heads: int | None
) -> tuple[dict[str, int], list[str]]:
    """Return the dimensions, and one sentence for each tensor they do not fit.

    Parameters
    ----------
    contents
        Whose config may state heads.
    shaped
        The placed tensors.
    n_heads
        Given by the user; goes before the config.
    """
    shaped = list(shaped)
    known = stated(contents)
    if n_heads is not None:
        known["n_heads"] = n_heads
    if not any("n_kv_heads" in declared for _, declared, _ in shaped):
        known.pop("n_kv_heads", None)  # a config may say it of a layout without such heads
    return completed(known, shaped)


def completed(known: dict[str, int], shaped: list[Shaped]) -> tuple[dict[str, int], list[str]]:
    """Return dimensions with what shapes add to them, and the sentences of `dimensions`."""
    problems = []
    _solve(known, shaped)
    if "d_model" in known and "n_heads" in known:
        if "d_k" not in known and known["d_model"] % known["n_heads"]:
            problems = [f"{known['n_heads']} heads do not divide d_model {known['d_model']}"]
        known.setdefault("d_k", known["d_model"] // known["n_heads"])
        _solve(known, shaped)
        known.setdefault("n_kv_heads", known["n_heads"])
        _solve(known, shaped)
    return known, problems + [problem for item in shaped if (problem := _problem(item, known))]


def axes(shape: str) -> list[str]:
    """Return the expressions of a declared shape, one an axis."""
    return [axis.strip() for axis in shape.split(",")]


def possible(declared: list[str], shape: tuple[int, ...], sizes: Mapping[str, int]) -> bool:
    """Return whether a shape can be that of some axes, as far as the sizes tell."""
    return len(declared) == len(shape) and all(
        names_in(axis) - set(sizes) or evaluate(axis, sizes) == size
        for axis, size in zip(declared, shape, strict=True)
    )


@cache
def names_of(shape: str) -> frozenset[str]:
    """Return the dimensions that a shape names, in any of its alternatives."""
    return frozenset(name for axis in re.split(r"[,|]", shape) for name in names_in(axis))


def stated(contents: Contents) -> dict[str, int]:
    """Return the dimensions that the config states."""
    known = {}
    for name, keys in CONFIG_KEYS.items():
        found = contents.find(*keys)
        said = None if found is None else found[0]
        if isinstance(said, list) and said and not differs(said):
            said = said[0]
        if isinstance(said, int) and said > 0:
            known[name] = said
    return known


def differs(said: object) -> bool:
    """Return whether a setting is a list, a layer each, of things that are not all equal."""
    return isinstance(said, list) and any(each != said[0] for each in said)


def _solve(known: dict[str, int], shaped: list[Shaped]) -> None:
    """Add what the shapes determine, until nothing more follows."""
    before = -1
    while before != len(known):
        before = len(known)
        for _, declared, real in shaped:
            expressions = axes(_alternative(declared, real))
            if len(expressions) != len(real):
                continue
            for expression, size in zip(expressions, real, strict=True):
                solved = solve(expression, size, known)
                if solved is not None and solved[1] > 0:
                    known[solved[0]] = solved[1]


def _alternative(declared: str, real: tuple[int, ...]) -> str:
    """Return the alternative that a real shape fits, the one with most numbers in it."""
    alternatives = declared.split("|")
    fitting = [each for each in alternatives if possible(axes(each), real, {})]
    return max(fitting, key=_n_literals, default=alternatives[0])


def _n_literals(declared: str) -> int:
    return sum(not names_in(expression) for expression in axes(declared))


def _problem(item: Shaped, known: Mapping[str, int]) -> str | None:
    name, declared, real = item
    expressions = axes(_alternative(declared, real))
    expected = [_expected(expression, known) for expression in expressions]
    if len(expected) == len(real) and all(
        want in (size, "?") for size, want in zip(real, expected, strict=True)
    ):
        return None
    wanted = f"[{declared.replace('|', ' or ')}]"
    return f"{cut(name)} is {sizes(real)}, not {wanted} = [{', '.join(map(str, expected))}]"


def _expected(expression: str, known: Mapping[str, int]) -> float | str:
    """Return a declared size; "?" where it is not known, words where no number comes out."""
    if not names_in(expression) <= set(known):
        return "?"
    try:
        return evaluate(expression, known)
    except ArithmeticError:
        return "not a size"
