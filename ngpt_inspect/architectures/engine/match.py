"""How one declaration fits one checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.architectures.engine.placed import Placed
from ngpt_inspect.wording import listed

SHOWN = 4
"""How many names a message quotes."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """How one declaration fits one checkpoint."""

    architecture: Architecture
    placed: tuple[Placed, ...]
    dimensions: Mapping[str, int]
    ignored: Mapping[str, str] = field(default_factory=dict)
    buffers: frozenset[str] = frozenset()
    unplaced: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    """What a reader should know of how it was told, and of what its config says."""

    @property
    def fits(self) -> bool:
        """Whether everything the declaration requires is there, in the right shapes."""
        return not self.missing and not self.conflicts

    @property
    def known(self) -> frozenset[str]:
        """The tensors it has a role or a reason for."""
        return frozenset((*(each.tensor.name for each in self.placed), *self.ignored))

    @property
    def evidence(self) -> str:
        """One clause for messages."""
        n_placed = len({each.tensor.name for each in self.placed})
        clause = f"{self.architecture.name} places {n_placed} tensors, leaves {len(self.unplaced)}"
        trouble = [f"misses {listed(self.missing, most=SHOWN)}"] if self.missing else []
        return "; ".join([clause, *trouble, *self.conflicts[:1]])
