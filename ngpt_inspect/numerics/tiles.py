"""Dot products of rows in tiles, each pair of rows once.

Shapes: V rows, D columns, T rows of one tile, P pairs of one tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from queue import SimpleQueue
from typing import TypeVar

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import side_by_side
from ngpt_inspect.numerics.directions import directions
from ngpt_inspect.numerics.finite import BLOCK_ELEMENTS, times_power

TILE_ROWS = 1024
MOST_THREADS = 8
"""Each holds a tile, its cosines, their bins and two blocks of rows: about 25 MB."""
DIAGONAL_ROWS = 512
CHUNK = 1024
MOST_ELEMENTS = 10_000_000
"""Most values of a block of rows that is multiplied: 40 MB of float32."""
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
    in_order: bool = False
    """Whether `ids_N` ascend: all rows then need not be gathered."""

    def block(self, first: int, last: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return the values of rows `ids_N[first:last]`, unit vectors where asked for."""
        dtype = dtype or self.dtype
        everything = self.in_order and len(self.ids_N) == len(self.x_VD)
        rows = self.x_VD[first:last] if everything else self.x_VD[self.ids_N[first:last]]
        if self.normalize:
            return directions(rows).to(dtype)
        if self.exponent:
            return times_power(rows.double(), -self.exponent).to(dtype)
        return rows.to(dtype)

    def dots(self, i_N: torch.Tensor, j_N: torch.Tensor) -> torch.Tensor:
        """Return the products of these pairs of rows of `x_VD` in float64, shape (N,)."""
        out = []
        step = max(1, BLOCK_ELEMENTS // self.x_VD.shape[1])
        for first in range(0, len(i_N), step):
            pairs = (ids[first : first + step] for ids in (i_N, j_N))
            sides = (replace(self, ids_N=ids, in_order=False) for ids in pairs)
            a, b = (side.block(0, len(side.ids_N), torch.float64) for side in sides)
            out.append(torch.linalg.vecdot(a, b))
        dots = torch.cat(out)
        return dots.clamp(-1.0, 1.0) if self.normalize else dots

    @property
    def reach(self) -> float:
        """No dot product of two different rows is larger in magnitude, rounding included."""
        if self.normalize:
            longest = 1.0
        else:
            two = times_power(torch.topk(self.norms_V[self.ids_N], 2).values, -self.exponent)
            longest = float(two[0] * two[1])
        return longest * (1 + self.x_VD.shape[1] * torch.finfo(self.dtype).eps)

    @property
    def rounding(self) -> float:
        """The size of one rounding of a typical product: eps times the mean square norm."""
        eps = float(torch.finfo(self.dtype).eps)
        if self.normalize:
            return eps
        norms = times_power(self.norms_V[self.ids_N], -self.exponent)
        return eps * float(norms.square().mean())

    @property
    def product_error(self) -> float:
        """4 u sqrt(D) |x_i| |x_j| of the two longest rows, u the unit roundoff of the products.

        A cosine is divided by two norms, each rounded: 4 u more.
        """
        unit = float(torch.finfo(self.dtype).eps) / 2
        return 4 * unit * (math.sqrt(self.x_VD.shape[1]) + self.normalize) * self.reach


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
        full = self.values_P.new_full((self.columns, self.columns), float("-inf"))
        full[torch.ones_like(full, dtype=torch.bool).triu_(1)] = self.values_P
        return torch.maximum(full, full.T)

    def top(self, k: int, sign: int) -> torch.Tensor:
        """Where the k largest (sign 1) or smallest (sign -1) values are; shape (at most k,)."""
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


@dataclass(frozen=True)
class Spot:
    """Where a tile lies in the square of all products: rows first..last, columns start..stop."""

    first: int
    last: int
    start: int
    stop: int

    @property
    def rows(self) -> slice:
        """Where its rows are in `TiledRows.ids_N`."""
        return slice(self.first, self.last)

    @property
    def columns(self) -> slice:
        """Where its columns are."""
        return slice(self.start, self.stop)

    @property
    def triangle(self) -> bool:
        """Whether it lies on the diagonal."""
        return self.first == self.start

    @property
    def n_pairs(self) -> int:
        """Pairs of rows in it."""
        rows, columns = self.last - self.first, self.stop - self.start
        return rows * (rows - 1) // 2 if self.triangle else rows * columns

    def values(self, dots_RC: torch.Tensor) -> torch.Tensor:
        """Return what is looked at of its products: on the diagonal, those above it; (P,)."""
        if not self.triangle:
            return dots_RC.view(-1)
        return dots_RC.masked_select(torch.ones_like(dots_RC, dtype=torch.bool).triu_(1))

    def tile(self, dots_RC: torch.Tensor) -> Tile:
        """Return the same with its ends."""
        values_P = self.values(dots_RC)
        low, high = (float(end) for end in torch.aminmax(values_P))
        columns = self.stop - self.start
        return Tile(values_P, self.first, self.start, columns, low, high, self.triangle)


class Hand:
    """The working memory of one thread, kept from tile to tile: fresh memory costs more."""

    def __init__(self) -> None:
        self._rooms: dict[str, torch.Tensor] = {}

    def room(self, name: str, shape: tuple[int, int], like: TiledRows) -> torch.Tensor:
        """Return memory for a matrix of products."""
        size = shape[0] * shape[1]
        room = self._rooms.get(name)
        if room is None or len(room) < size or room.dtype != like.dtype:
            room = torch.empty(size, dtype=like.dtype, device=like.x_VD.device)
            self._rooms[name] = room
        return room[:size].view(shape)


Seen = TypeVar("Seen")


def over_tiles(
    rows: TiledRows, look: Callable[[Hand, Spot, torch.Tensor], Seen], cut: int | None = None
) -> Iterator[Seen]:
    """Multiply every pair of different rows once; yield what `look` makes of each tile, in order.

    A thread multiplies and looks at a tile of its own, with all that torch does on one core: it
    waits for no other, which may not run on a busy machine, and no number depends on how many
    there are. `look` is called in these threads.

    Parameters
    ----------
    rows
        What to multiply.
    look
        Called with the thread's memory, the spot, and the products there, (rows, columns). They
        are overwritten by the next.
    cut
        No tile has rows on both sides of this position.
    """
    hands: SimpleQueue[Hand] = SimpleQueue()

    def seen(spot: Spot) -> Seen:
        hand = hands.get()
        try:
            a_RD = rows.block(spot.first, spot.last)
            b_CD = a_RD if spot.triangle else rows.block(spot.start, spot.stop)
            dots_RC = hand.room("products", (len(a_RD), len(b_CD)), rows)
            torch.mm(a_RD, b_CD.T, out=dots_RC)
            return look(hand, spot, dots_RC)
        finally:
            hands.put(hand)

    spots = list(_spots(rows, cut))
    n_threads = 1 if rows.x_VD.is_cuda else min(MOST_THREADS, len(spots))
    for _ in range(max(n_threads, 1)):
        hands.put(Hand())
    with side_by_side(n_threads) as mapped:
        yield from mapped(seen, spots)


def _spots(rows: TiledRows, cut: int | None) -> Iterator[Spot]:
    count, width = len(rows.ids_N), rows.x_VD.shape[1]
    cut = count if cut is None else cut
    step = max(1, min(TILE_ROWS, MOST_ELEMENTS // width))
    edges = [*range(0, cut, step), *range(cut, count, step), count]
    blocks = list(pairwise(edges))
    for n, (first, last) in enumerate(blocks):
        for i, j in _above_diagonal(first, last):
            yield Spot(i.start, i.stop, j.start, j.stop)
        yield from (Spot(first, last, *other) for other in blocks[n + 1 :])


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
    count = len(rows.ids_N)
    size = min(count // GROUPS, max(2, math.isqrt(int(2 * pairs / GROUPS))))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    order = order.to(rows.ids_N.device)
    chosen = (order[k * size : (k + 1) * size].sort().values for k in range(GROUPS))
    return [replace(rows, ids_N=rows.ids_N[c]) for c in chosen]
