"""Which weight of one checkpoint is which of another: by role, else by the name of the tensor."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import Weight, WeightSet


@dataclass(frozen=True, kw_only=True)
class WeightPair:
    """A weight before and after; None where one checkpoint has no such weight."""

    before: Weight | None
    after: Weight | None

    @property
    def either(self) -> Weight:
        """The one after, or where there is none the one before."""
        found = self.after or self.before
        assert found is not None, "a pair has one weight at least"
        return found


def matched(
    before: WeightSet, after: WeightSet, roles: Sequence[Role] | None, layers: Sequence[int] | None
) -> list[WeightPair]:
    """Return the pairs in the order of `after`; then what only `before` has.

    Biases and what else no measure reads are among them, where roles and layers are not named.

    Weights with a role are matched by role, layer and expert (several of these in order), so that
    layouts may differ; the others, and those that found no partner, by the name of the tensor.
    """
    old, new = (_chosen(each, roles, layers) for each in (before, after))
    by_place = dict(zip(_places(old), old, strict=True))
    partners = {n: by_place.pop(place, None) for n, place in enumerate(_places(new))}
    by_name = {weight.source: place for place, weight in by_place.items()}
    for n, weight in enumerate(new):
        if partners[n] is None and weight.source in by_name:
            partners[n] = by_place.pop(by_name.pop(weight.source))
    pairs = [WeightPair(before=partners[n], after=weight) for n, weight in enumerate(new)]
    return [*pairs, *(WeightPair(before=each, after=None) for each in by_place.values())]


def _chosen(
    checkpoint: WeightSet, roles: Sequence[Role] | None, layers: Sequence[int] | None
) -> list[Weight]:
    return [
        weight
        for weight in (*checkpoint.weights, *checkpoint.unmeasured)
        if (roles is None or weight.role in roles) and (layers is None or weight.layer in layers)
    ]


def _places(weights: Sequence[Weight]) -> Iterator[tuple[Any, ...]]:
    """Yield what each weight is matched by; what has no role, by its name."""
    seen: Counter[Any] = Counter()
    for weight in weights:
        if weight.role is None:
            yield (weight.source,)
        else:
            seen[weight.key] += 1
            yield (*weight.key, seen[weight.key])
