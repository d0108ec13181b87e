"""What is looked at in a tile of products, by the thread that multiplied it.

Shapes: N rows that take part, R x C a tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.finite import times_power
from ngpt_inspect.numerics.neighbours import Best
from ngpt_inspect.numerics.pairwise import Glance, Spread
from ngpt_inspect.numerics.spread import CoverSeen
from ngpt_inspect.numerics.tiles import Hand, Spot, TiledRows


class TileLook:
    """Looks at each tile of a group of rows with what torch has, one thing after another."""

    def __init__(
        self,
        rows: TiledRows,
        spreads: dict[bool, Spread],
        best: Sequence[Best | CoverSeen],
        n_cosines: int,
    ) -> None:
        self.rows, self.spreads, self.best = rows, spreads, best
        self.n_cosines = n_cosines
        norms_N = times_power(rows.norms_V[rows.ids_N], -rows.exponent)
        over_N = torch.ones_like(norms_N) if rows.normalize else 1.0 / norms_N
        self.over_norms_N = over_N.to(rows.dtype)

    def __call__(
        self, hand: Hand, spot: Spot, dots_RC: torch.Tensor
    ) -> tuple[int, dict[bool, Glance], list[Any]]:
        """Return how many pairs a tile has, and what is seen of each kind and nearest of it."""
        glances, better = {}, []
        if (True in self.spreads or self.best) and spot.stop <= self.n_cosines:
            tile = spot.tile(self.cosines(hand, spot, dots_RC))
            better = [each.look(tile) for each in self.best]
            if True in self.spreads:
                glances[True] = self.spreads[True].look(hand, tile, self.rows.ids_N)
        if False in self.spreads:
            tile = spot.tile(dots_RC)
            glances[False] = self.spreads[False].look(hand, tile, self.rows.ids_N)
        return spot.n_pairs, glances, better

    def cosines(self, hand: Hand, spot: Spot, dots_RC: torch.Tensor) -> torch.Tensor:
        """Return raw products over the two norms, beside them while they are needed."""
        if self.rows.normalize:
            return dots_RC
        room = (
            dots_RC
            if False not in self.spreads
            else hand.room("cosines", (dots_RC.shape[0], dots_RC.shape[1]), self.rows)
        )
        over_R1 = self.over_norms_N[spot.rows].unsqueeze(1)
        torch.mul(dots_RC, over_R1, out=room)
        return room.mul_(self.over_norms_N[spot.columns])
