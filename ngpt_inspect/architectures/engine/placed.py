"""A tensor that a rule of a declaration has found."""

from __future__ import annotations

from dataclasses import dataclass

from ngpt_inspect.architectures.engine.architecture import Rule
from ngpt_inspect.stored import StoredTensor


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A tensor that a rule has found."""

    rule: Rule
    layer: int | None
    expert: int | None
    tensor: StoredTensor
    place: int | None = None
    """Along the first axis of a stacked tensor."""
