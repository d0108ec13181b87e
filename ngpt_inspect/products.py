"""Matrices that a model keeps as two factors: left x diag(gain) x right, computed when read."""

from __future__ import annotations

from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.resolution import rounding_errors
from ngpt_inspect.stored import StoredTensor
from ngpt_inspect.weights import Weight


@dataclass(frozen=True, kw_only=True)
class ProductTensor(StoredTensor):
    """The product of two weights, in float64; its dtype is that of the factors as stored."""

    left: Weight
    right: Weight
    gain: Weight | None

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Return rows start..stop of left x diag(gain) x right."""
        return self.scaled()[start:stop] @ self.right.values().double()

    def scaled(self) -> torch.Tensor:
        """Return left x diag(gain)."""
        left = self.left.values().double()
        return left if self.gain is None else left * self.gain.values().double()

    @property
    def obstacle(self) -> str:
        """Why a factor is not what the model has."""
        return self.left.tensor.obstacle or self.right.tensor.obstacle

    @property
    def note(self) -> str:
        """Which factors."""
        gain = "" if self.gain is None else f" x diag({self.gain.source})"
        return f"{self.left.source}{gain} x {self.right.source}"

    @property
    def errors(self) -> StoredTensor:
        """What storage of the factors makes of each entry, to first order."""
        return self.computed(self._errors)

    def _errors(self, start: int, stop: int | None) -> torch.Tensor:
        """Return the root of (errors of left)^2 x right^2 + left^2 x (errors of right)^2."""
        left, right, gain = self.left, self.right, self.gain
        e_left, e_right = _errors(left), _errors(right)
        e_left = e_left if gain is None else e_left * gain.values().double()
        first = e_left[start:stop].square() @ right.values().double().square()
        second = self.scaled()[start:stop].square() @ e_right.square()
        return (first + second).sqrt()


def _errors(weight: Weight) -> torch.Tensor:
    found = weight.errors()
    return (rounding_errors(weight.values()) if found is None else found).double()


def product_of(left: Weight, right: Weight, gain: Weight | None) -> ProductTensor:
    """Return the product of two weights, named after the left one."""
    return ProductTensor(
        name=left.tensor.name,
        shape=(left.shape[0], right.shape[1]),
        dtype=left.tensor.dtype,
        location=left.tensor.location,
        left=left,
        right=right,
        gain=gain,
    )
