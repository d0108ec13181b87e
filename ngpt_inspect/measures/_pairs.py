"""What measures take of all pairs of rows: one pass serves all that are taken together."""

from collections.abc import Sequence
from typing import Any

from ngpt_inspect.weights import Weight


def of_pairs(weight: Weight, device: str, wants: Sequence[Any]) -> list[Any]:
    """Return what is wanted, `Dots` or `Closest`, of the rows of a weight.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    """
    from ngpt_inspect.numerics.pairs import all_pairs

    everything = tuple(dict.fromkeys((*weight.wants, *wants)))
    found = weight.once(
        ("pairs", device, everything), lambda: all_pairs(weight.values(device), everything)
    )
    return [found[want] for want in wants]
