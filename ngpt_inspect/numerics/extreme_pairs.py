"""The pairs of rows with the most extreme dot products, as tiles are looked at.

Shapes: N rows that take part, K values that may be among the most extreme.
"""

from __future__ import annotations

import math

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.tiles import Tile


class ExtremePairs:
    """The k largest (sign 1) or smallest (sign -1) values seen, and the pairs they belong to."""

    def __init__(self, k: int, sign: int) -> None:
        self.k, self.sign = k, sign
        self.found: list[tuple[float, int, int]] = []

    @property
    def bar(self) -> float:
        """Beyond this a value is among the k; all are until there are as many."""
        return self.found[-1][0] if len(self.found) == self.k else -self.sign * math.inf

    def look(self, tile: Tile, ids_N: torch.Tensor) -> list[tuple[float, int, int]]:
        """Return what may be better in a tile; it may be looked at while others are taken."""
        if not self.k:
            return []
        if not max(self.sign * tile.low, self.sign * tile.high) > self.sign * self.bar:
            return []
        index_K = tile.top(self.k, self.sign)
        values, pairs = tile.values_P[index_K].tolist(), ids_N[tile.pairs(index_K)].tolist()
        return [(v, min(pair), max(pair)) for v, pair in zip(values, pairs, strict=True)]

    def take(self, new: list[tuple[float, int, int]]) -> None:
        """Take what is better; of equal values those of earlier tiles stay."""
        if new:
            self.found = sorted(self.found + new, key=lambda f: -self.sign * f[0])[: self.k]
