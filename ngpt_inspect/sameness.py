"""Which checkpoints hold the same values, told by digests of a few blocks of each tensor."""

import re
from collections.abc import Iterator, Mapping, Sequence

from ngpt_inspect.errors import InspectError
from ngpt_inspect.stored import StoredTensor
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import at_step

MOST_BLOCKS, FEWEST_BLOCKS = 16, 2
"""Of a tensor, 4 KiB each."""
ALL_BLOCKS = 1 << 14
"""Of a checkpoint: 64 MiB."""

Digests = Mapping[str, Mapping[str, str]]
"""What tensors are (``W_q``, ``W_q W_k W_v`` of a fused one), then where (``layer 3``)."""


def values_of(checkpoint: WeightSet, n_blocks: int) -> Digests:
    """Return the digests of all tensors; an empty one where the bytes cannot tell.

    Tensors without a role go by their names, in which numbers are ``*``.
    """
    found: dict[str, dict[str, str]] = {}
    for tensor, what, where in _tensors(checkpoint):
        found.setdefault(what, {})[where] = _digest(tensor, n_blocks)
    return found


def blocks_for(checkpoints: Sequence[WeightSet]) -> int:
    """Return how many blocks of each tensor to look at: the same in all of these checkpoints."""
    most = max(len(checkpoint.contents.tensors) for checkpoint in checkpoints)
    return max(FEWEST_BLOCKS, min(MOST_BLOCKS, ALL_BLOCKS // max(most, 1)))


def same_weights(checkpoints: Sequence[WeightSet]) -> list[list[WeightSet]]:
    """Return the groups of checkpoints whose tensors all hold the same bytes, where looked at.

    One tensor of each is looked at first: most differ in it.
    """
    if len(checkpoints) < 2:
        return []
    n_blocks = blocks_for(checkpoints)
    alike: dict[object, list[WeightSet]] = {}
    for each in checkpoints:
        first = each.weights[len(each.weights) // 2].tensor if each.weights else None
        digest = _digest(first, FEWEST_BLOCKS) if first else ""
        if digest:
            alike.setdefault((digest, len(each.contents.tensors)), []).append(each)
    same: dict[object, list[WeightSet]] = {}
    for each in (each for group in alike.values() if len(group) > 1 for each in group):
        digests = [d for tensors in values_of(each, n_blocks).values() for d in tensors.values()]
        if all(digests):
            same.setdefault(tuple(sorted(digests)), []).append(each)
    return [group for group in same.values() if len(group) > 1]


def remarks_on(checkpoints: Sequence[WeightSet]) -> Iterator[str]:
    """Yield what nobody asked for and a reader of the numbers should know of these checkpoints."""
    for checkpoint in checkpoints:
        if checkpoint.family == "unknown":
            yield from (f"{checkpoint.label}: {note}" for note in checkpoint.notes)
        if checkpoint.unasked:
            yield f"{checkpoint.label}: {checkpoint.unasked}"
    for group in same_weights(checkpoints):
        names = (at_step(each.label, each.step) for each in group)
        yield f"{' and '.join(names)} hold the very same weights"


def _tensors(checkpoint: WeightSet) -> Iterator[tuple[StoredTensor, str, str]]:
    """Yield each tensor once, with what it is and where."""
    weights: dict[str, list[tuple[str, str]]] = {}
    for weight in (each for each in checkpoint if each.role is not None):
        numbers = {"layer": weight.layer, "expert": weight.expert}
        where = " ".join(f"{name} {n}" for name, n in numbers.items() if n is not None)
        weights.setdefault(weight.tensor.name, []).append((str(weight.role), where))
    for tensor in checkpoint.contents.tensors.values():
        mine = weights.get(tensor.name)
        if mine is None:
            yield tensor, re.sub(r"\d+", "*", tensor.name), tensor.name
        else:
            yield tensor, " ".join(dict.fromkeys(role for role, _ in mine)), mine[0][1]


def _digest(tensor: StoredTensor, n_blocks: int) -> str:
    try:
        return tensor.fingerprint(n_blocks)
    except InspectError:
        return ""  # whoever reads it next says why it cannot be read
