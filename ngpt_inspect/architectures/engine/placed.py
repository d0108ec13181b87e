"""A tensor that a rule of a declaration has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ngpt_inspect.architectures.engine.architecture import Rule
from ngpt_inspect.stored import StoredTensor

MOST_STACKED = 4096
"""No tensor stacks more experts or layers."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A tensor that a rule has found."""

    rule: Rule
    layer: int | None
    expert: int | None
    tensor: StoredTensor
    place: int | None = None
    """Along the first axis of a stacked tensor."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Dimensions of its own layer, where they can be others than the model's."""


def placements(
    rule: Rule, layer: int | None, expert: int | None, tensor: StoredTensor
) -> list[Placed]:
    """Return what a rule makes of a tensor: one weight, or one for each that it stacks."""
    if not rule.stacked:
        return [Placed(rule=rule, layer=layer, expert=expert, tensor=tensor)]
    # A shape is only a claim: zero bytes can be said to hold a billion experts.
    counted = range(min(tensor.shape[0], MOST_STACKED) if tensor.shape and tensor.n_values else 0)
    return [
        Placed(
            rule=rule,
            layer=number if rule.stacked == "layer" else layer,
            expert=number if rule.stacked == "expert" else expert,
            tensor=tensor,
            place=number,
        )
        for number in counted
    ]
