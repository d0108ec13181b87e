"""Dot products of rows in tiles, each pair of rows once, and the most extreme of them.

Shapes: V rows, D columns, T rows of one tile, P pairs of one tile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.directions import directions
from ngpt_inspect.numerics.finite import times_power

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

TILE_ROWS = 2048
DIAGONAL_ROWS = 512
CHUNK = 1024
BLOCK_ELEMENTS = 10_000_000
"""Two blocks of rows are held at a time: 80 MB of float32 together."""
GROUPS = 32
"""A sample is this many groups of rows; their spread gives the standard errors."""


@dataclass(frozen=True)
class TiledRows:
    """Rows to multiply with one another, widened and scaled one block at a time."""

    x_VD: torch.Tensor
    ids_N: torch.Tensor
    """Which rows take part, shape (N,), int64."""
    norms_V: torch.Tensor
    """Norm of every row of `x_VD`, float64."""
    normalize: bool
    dtype: torch.dtype
    """The dtype of the products."""
    exponent: int = 0
    """Raw rows are multiplied by 2^-exponent, exactly, so that products stay in range."""

    def block(self, first: int, last: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return the values of rows `ids_N[first:last]`, unit vectors where asked for."""
        ids, dtype = self.ids_N[first:last], dtype or self.dtype
        if self.normalize:
            return directions(self.x_VD[ids]).to(dtype)
        if self.exponent:
            return times_power(self.x_VD[ids].double(), -self.exponent).to(dtype)
        return self.x_VD[ids].to(dtype)

    def dots(self, i_N: torch.Tensor, j_N: torch.Tensor) -> torch.Tensor:
        """Return the products of these pairs of rows of `x_VD` in float64, shape (N,)."""
        import torch

        out = []
        step = max(1, BLOCK_ELEMENTS // self.x_VD.shape[1])
        for first in range(0, len(i_N), step):
            pairs = (ids[first : first + step] for ids in (i_N, j_N))
            a, b = (replace(self, ids_N=ids).block(0, len(ids), torch.float64) for ids in pairs)
            out.append(torch.linalg.vecdot(a, b))
        dots = torch.cat(out)
        return dots.clamp(-1.0, 1.0) if self.normalize else dots

    @property
    def reach(self) -> float:
        """No dot product of two different rows is larger in magnitude, rounding included."""
        import torch

        if self.normalize:
            longest = 1.0
        else:
            two = times_power(torch.topk(self.norms_V[self.ids_N], 2).values, -self.exponent)
            longest = float(two[0] * two[1])
        return longest * (1 + self.x_VD.shape[1] * torch.finfo(self.dtype).eps)

    @property
    def rounding(self) -> float:
        """The size of one rounding of a typical product: eps times the mean square norm."""
        import torch

        eps = float(torch.finfo(self.dtype).eps)
        if self.normalize:
            return eps
        norms = times_power(self.norms_V[self.ids_N], -self.exponent)
        return eps * float(norms.square().mean())

    @property
    def product_error(self) -> float:
        """4 u sqrt(D) |x_i| |x_j| of the two longest rows, u the unit roundoff of the products."""
        import torch

        unit = float(torch.finfo(self.dtype).eps) / 2
        return 4 * unit * math.sqrt(self.x_VD.shape[1]) * self.reach


@dataclass(frozen=True)
class Tile:
    """The dot products of one block of rows with another or, above the diagonal, with itself."""

    values_P: torch.Tensor
    first_row: int
    first_column: int
    columns: int
    low: float
    """Smallest value."""
    high: float
    """Largest value."""
    triangle: bool
    """True on the diagonal, where only pairs above it are kept, row after row."""

    def pairs(self, index_K: torch.Tensor) -> torch.Tensor:
        """Positions (row, column) in `TiledRows.ids_N` of the values at `index_K`; shape (K, 2)."""
        import torch

        if self.triangle:
            lengths = torch.arange(self.columns - 1, -1, -1, device=index_K.device)
            ends = lengths.cumsum(0)
            rows = torch.searchsorted(ends, index_K, right=True)
            columns = index_K - ends[rows] + self.columns
        else:
            rows, columns = index_K // self.columns, index_K % self.columns
        return torch.stack((rows + self.first_row, columns + self.first_column), dim=1)

    def matrix(self) -> torch.Tensor:
        """Return the values as (rows, columns); on the diagonal both halves, and -inf on it."""
        if not self.triangle:
            return self.values_P.view(-1, self.columns)
        import torch

        full = self.values_P.new_full((self.columns, self.columns), float("-inf"))
        full[torch.ones_like(full, dtype=torch.bool).triu_(1)] = self.values_P
        return torch.maximum(full, full.T)

    def top(self, k: int, sign: int) -> torch.Tensor:
        """Where the k largest (sign 1) or smallest (sign -1) values are; shape (at most k,)."""
        import torch

        # They lie in the k chunks of most extreme value, or behind the last whole chunk.
        whole = len(self.values_P) // CHUNK * CHUNK
        chunks = self.values_P[:whole].view(-1, CHUNK)
        best = chunks.amax(1) if sign > 0 else -chunks.amin(1)
        firsts = best.topk(min(k, len(best))).indices * CHUNK
        offsets = torch.arange(CHUNK, device=firsts.device)
        tail = torch.arange(whole, len(self.values_P), device=firsts.device)
        index_K = torch.cat(((firsts.unsqueeze(1) + offsets).view(-1), tail))
        near = self.values_P[index_K]
        return index_K[near.topk(min(k, len(near)), largest=sign > 0).indices]


def tiles(rows: TiledRows) -> Iterator[Tile]:
    """Yield the dot products of every pair of different rows once.

    The values of a tile are overwritten by the next.
    """
    import torch

    count, width = len(rows.ids_N), rows.x_VD.shape[1]
    step = max(1, min(TILE_ROWS, BLOCK_ELEMENTS // width))
    buffer = torch.empty(step * step, dtype=rows.dtype, device=rows.x_VD.device)
    for first in range(0, count, step):
        a_TD = rows.block(first, first + step)
        for start in range(first, count, step):
            b_TD = a_TD if start == first else rows.block(start, start + step)
            across = [(slice(0, len(a_TD)), slice(0, len(b_TD)))]
            for i, j in across if start != first else _above_diagonal(0, len(a_TD)):
                dots = buffer[: (i.stop - i.start) * (j.stop - j.start)].view(-1, j.stop - j.start)
                torch.mm(a_TD[i], b_TD[j].T, out=dots)
                triangle = start == first and i == j
                values_P = dots.view(-1)
                if triangle:
                    values_P = dots.masked_select(torch.ones_like(dots, dtype=torch.bool).triu_(1))
                low, high = (float(end) for end in torch.aminmax(values_P))
                place = first + i.start, start + j.start, j.stop - j.start
                yield Tile(values_P, *place, low, high, triangle)


def _above_diagonal(first: int, last: int) -> Iterator[tuple[slice, slice]]:
    """Halve a square until its parts on the diagonal are small; those below it are left out."""
    if last - first <= DIAGONAL_ROWS:
        if last - first > 1:
            yield slice(first, last), slice(first, last)
        return
    middle = (first + last) // 2
    yield slice(first, middle), slice(middle, last)
    yield from _above_diagonal(first, middle)
    yield from _above_diagonal(middle, last)


def random_groups(rows: TiledRows, pairs: float, seed: int) -> list[TiledRows]:
    """Draw `GROUPS` disjoint groups of rows whose inner pairs number about `pairs` together."""
    import torch

    count = len(rows.ids_N)
    size = min(count // GROUPS, max(2, math.isqrt(int(2 * pairs / GROUPS))))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    order = order.to(rows.ids_N.device)
    chosen = (order[k * size : (k + 1) * size].sort().values for k in range(GROUPS))
    return [replace(rows, ids_N=rows.ids_N[c]) for c in chosen]


class ExtremePairs:
    """The k largest (sign 1) or smallest (sign -1) values seen, and the pairs they belong to."""

    def __init__(self, k: int, sign: int) -> None:
        self.k, self.sign = k, sign
        self.found: list[tuple[float, int, int]] = []

    def add(self, tile: Tile, ids_N: torch.Tensor) -> None:
        """Look for better values in a tile; of equal ones those of earlier tiles stay."""
        bar = self.sign * self.found[-1][0] if len(self.found) == self.k else float("-inf")
        if not self.k or not max(self.sign * tile.low, self.sign * tile.high) > bar:
            return
        index_K = tile.top(self.k, self.sign)
        values, pairs = tile.values_P[index_K].tolist(), ids_N[tile.pairs(index_K)].tolist()
        new = [(v, i, j) for v, (i, j) in zip(values, pairs, strict=True)]
        self.found = sorted(self.found + new, key=lambda f: -self.sign * f[0])[: self.k]
