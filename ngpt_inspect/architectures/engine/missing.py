"""What a declaration requires and a checkpoint has not, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule, Variant, variants_of
from ngpt_inspect.architectures.engine.placed import Placed
from ngpt_inspect.architectures.engine.template import fill


def missing(
    architecture: Architecture, placed: Iterable[Placed], n_layers: int, n_experts: int
) -> list[str]:
    """Return the names of required tensors that are not there.

    A rule without a block is required in every layer. Of a block, every layer must have one
    variant whole; in a hybrid a layer may lack the block, but some layer must have it.
    """
    there = _There(placed, n_experts)
    lost: dict[str, None] = {}
    blocks_seen = set()
    for layer in (None, *range(max(1, n_layers))):
        mine = [rule for rule in architecture.rules if _is_layered(rule) == (layer is not None)]
        for rule in mine:
            if not rule.block and not rule.optional:
                lost |= dict.fromkeys(there.lacks(rule, layer))
        for block, variants in variants_of(rule for rule in mine if rule.block).items():
            begun = [v for v in variants if any(there.has(rule, layer) for rule in v)]
            if begun or not architecture.hybrid:
                lacking = [_lacks(there, variant, layer) for variant in begun or variants[:1]]
                least: list[str] = min(lacking, key=len)
                lost |= dict.fromkeys(least)
            blocks_seen |= {block} if begun else set()
    if architecture.hybrid:
        for block, variants in variants_of(r for r in architecture.rules if r.block).items():
            if block not in blocks_seen:
                lost |= dict.fromkeys(fill(rule.name, None) for rule in variants[0])
    return list(lost)


class _There:
    """Which rules found their tensor in which layer."""

    def __init__(self, placed: Iterable[Placed], n_experts: int) -> None:
        self._places = {(each.rule.name, each.layer, each.expert) for each in placed}
        self._layers = {(name, layer) for name, layer, _ in self._places}
        self._n_experts = n_experts

    def has(self, rule: Rule, layer: int | None) -> bool:
        """Return whether any tensor is there."""
        return (rule.name, layer) in self._layers

    def lacks(self, rule: Rule, layer: int | None) -> Iterator[str]:
        """Yield the names that are not there: of every expert, where there are experts."""
        if not self.has(rule, layer):
            yield fill(rule.name, layer)
        elif "{expert}" in rule.name:
            for expert in range(self._n_experts):
                if (rule.name, layer, expert) not in self._places:
                    yield fill(rule.name, layer, expert)


def _lacks(there: _There, variant: Variant, layer: int | None) -> list[str]:
    return [name for rule in variant if not rule.optional for name in there.lacks(rule, layer)]


def _is_layered(rule: Rule) -> bool:
    return "{layer}" in rule.name or rule.stacked == "layer"
