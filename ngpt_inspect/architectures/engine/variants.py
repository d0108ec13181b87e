"""Which of several ways to read the same tensors their shapes allow."""

from __future__ import annotations

from ngpt_inspect.architectures.engine.dimensions import dimensions
from ngpt_inspect.architectures.engine.placed import Placed
from ngpt_inspect.stored import Contents

Solved = tuple[list[Placed], dict[str, int], list[str]]
"""What is placed, the dimensions, and what they do not fit."""


def settled(contents: Contents, placed: list[Placed], n_heads: int | None) -> Solved:
    """Return the placements with one variant of each block that claims the same tensors.

    Variants of a block (`Rule.block`) may give one name two shapes, as a stack of experts is
    kept (out, in) or (in, out). The first that all shapes together fit is taken; that several
    do is said as a conflict.
    """
    rivals = _rivals(placed)
    tried = {
        variant: _solved(
            contents, [p for p in placed if p.rule.block not in rivals - {variant}], n_heads
        )
        for variant in sorted(rivals)
    } or {"": _solved(contents, placed, n_heads)}
    fitting = [variant for variant, (_, _, problems) in tried.items() if not problems]
    kept, known, problems = tried[next(iter(fitting or tried))]
    if len(fitting) > 1:
        problems = [f"shapes allow both {fitting[0]} and {fitting[1]}"]
    return kept, known, problems


def _rivals(placed: list[Placed]) -> set[str]:
    """Return the variants of blocks that claim a tensor which another claims too."""
    claims: dict[str, set[str]] = {}
    for each in placed:
        claims.setdefault(each.tensor.name, set()).add(each.rule.block)
    return {block for blocks in claims.values() if len(blocks) > 1 for block in blocks}


def _solved(contents: Contents, placed: list[Placed], n_heads: int | None) -> Solved:
    # Layers and experts repeat the same shapes: the first of each kind stands for all.
    kinds = {(p.rule.shape, p.tensor.shape): p.tensor.name for p in reversed(placed)}
    shaped = [(name, declared, real) for (declared, real), name in reversed(kinds.items())]
    known, problems = dimensions(contents, shaped, n_heads)
    return placed, known, problems
