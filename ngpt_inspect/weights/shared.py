"""A weight while several measures are taken of it together."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import as_array
from ngpt_inspect.weights.weight import Made, Weight


@dataclass(frozen=True, kw_only=True, repr=False)
class SharedWeight(Weight):
    """A weight while several measures are taken of it: read once, each product made once.

    It lives as long as these measures run, and holds what they made until then.
    """

    shared_wants: tuple[Any, ...]
    needs_torch: bool
    """Whether any of the measures does: then NumPy looks at what torch read."""
    made: dict[Hashable, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, weight: Weight, wants: tuple[Any, ...], *, needs_torch: bool) -> SharedWeight:
        """Return the same weight, to be shared."""
        facts = {name: getattr(weight, name) for name in weight.__dataclass_fields__}
        return cls(**facts, shared_wants=wants, needs_torch=needs_torch)

    @property
    def wants(self) -> tuple[Any, ...]:
        """What the measures that are taken of it together want made."""
        return self.shared_wants

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returned when it was first asked for."""
        if name not in self.made:
            self.made[name] = make()
        found: Made = self.made[name]
        return found

    def values(self, device: str = "cpu") -> torch.Tensor:
        """Return the effective values, read once. Nobody may change them."""
        return self.once(("values", device), lambda: super(SharedWeight, self).values(device))

    def array(self) -> np.ndarray:
        """Return them as an array, read once."""
        if not self.needs_torch:
            return self.once("array", super().array)
        return as_array(self.values())
