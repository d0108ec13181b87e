"""Looking at large tiles in one compiled pass, where the extra `compiled` is installed.

What torch has goes over a tile a dozen times, and all of that takes longer than the product. Pairs
and cosines are the same; a value on the edge of a fine bin may be counted in the next, and squares
are summed in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ngpt_inspect.numerics.looking import Looking
from ngpt_inspect.numerics.neighbours import Best, Better
from ngpt_inspect.numerics.pairwise import Glance

if TYPE_CHECKING:
    import torch

    from ngpt_inspect.numerics.loops import Counting, Side
    from ngpt_inspect.numerics.pairwise import Spread
    from ngpt_inspect.numerics.spread import CoverSeen
    from ngpt_inspect.numerics.tiles import Hand, Spot, Tile, TiledRows

FROM_PAIRS = 1 << 26
"""From so many pairs on it gains more than it takes to load what is compiled."""


def fastest(
    rows: TiledRows,
    spreads: dict[bool, Spread],
    best: Sequence[Best | CoverSeen],
    n_cosines: int,
) -> Looking:
    """Return what looks at the tiles of these rows; the first `n_cosines` have a direction."""
    import torch

    few = len(rows.ids_N) * (len(rows.ids_N) - 1) // 2 < FROM_PAIRS
    kept = any(spread.kept is not None for spread in spreads.values())
    if few or kept or rows.dtype != torch.float32 or rows.x_VD.device.type != "cpu":
        return Looking(rows, spreads, best, n_cosines)
    try:
        import ngpt_inspect.numerics.loops  # noqa: F401
    except (ImportError, RuntimeError):  # not installed; no folder to keep what is compiled
        return Looking(rows, spreads, best, n_cosines)
    return CompiledLooking(rows, spreads, best, n_cosines)


class CompiledLooking(Looking):
    """Counts values and finds the nearest rows in one pass; what that does not do, after it."""

    def __call__(
        self, hand: Hand, spot: Spot, dots_RC: torch.Tensor
    ) -> tuple[int, dict[bool, Glance], list[Any]]:
        """Look at a tile as `Looking` does."""
        from ngpt_inspect.numerics.loops import look

        has_cosines = spot.stop <= self.n_cosines
        best = self.best if has_cosines else ()
        kinds = [kind for kind in self.spreads if has_cosines or not kind]
        near = next((each for each in best if isinstance(each, Best)), None)
        unit = bool(best) or True in kinds
        rows, columns = (self._side(part, near, unit) for part in (spot.rows, spot.columns))
        found = look(
            dots_RC.numpy(),
            spot.triangle,
            *(self._counting(kind, hand, spot, dots_RC, kinds) for kind in (False, True)),
            *(rows, columns),
            np.float32(near.duplicate if near else np.inf),
        )

        @cache
        def tile(kind: bool) -> Tile:
            return spot.tile(self.cosines(hand, spot, dots_RC) if kind else dots_RC)

        glances = {}
        for kind in sorted(kinds):
            squares, beyond = found[2 * kind : 2 * kind + 2]
            glances[kind] = (
                self.spreads[kind].ends_of(tile(kind), self.rows.ids_N, squares)
                if beyond
                else Glance([], [], squares, None)
            )
        better = [
            _better(spot, rows, columns) if each is near else each.look(tile(True)) for each in best
        ]
        return spot.n_pairs, glances, better

    def _counting(
        self, kind: bool, hand: Hand, spot: Spot, dots_RC: torch.Tensor, kinds: Sequence[bool]
    ) -> Counting:
        """Return where values of a kind are counted, or nowhere."""
        from ngpt_inspect.numerics.loops import Counting

        if kind not in kinds:
            zero = np.float32(0)
            return Counting((zero, zero, zero), np.empty(0, np.int32), np.empty(2), (zero, zero))
        spread = self.spreads[kind]
        tally = spread.tally_of(hand)
        centre, zero, per_unit = map(np.float32, (tally.centre, tally.zero, 1 / tally.width))
        low, high = map(np.float32, spread.bars(hand))
        counts_F = tally.desk(dots_RC, spot.n_pairs).counts.numpy()
        return Counting((centre, zero, per_unit), counts_F, tally.ends, (low, high))

    def _side(self, part: slice, near: Best | None, unit: bool) -> Side:
        """Return what is known of the rows on one side, for what is nearer to be put in."""
        from ngpt_inspect.numerics.loops import Side

        none = slice(0)
        over_R = self.over_norms_N[part if unit else none].numpy()
        known = np.empty(0, np.float32) if near is None else near.cosine_N[part].numpy().copy()
        partners_R = np.full(len(known), -1, np.int32)
        return Side(over_R, known, partners_R, np.zeros(len(known), np.int64))


def _better(spot: Spot, rows: Side, columns: Side) -> list[Better]:
    """Return for which rows of either side something nearer was found."""
    import torch

    out = []
    sides = ((spot.rows, rows, spot.start), (spot.columns, columns, spot.first))
    for part, side, first in sides:
        which = torch.from_numpy((side.partners_R >= 0).nonzero()[0])
        peaks, partners = (
            torch.from_numpy(each)[which] for each in (side.peaks_R, side.partners_R)
        )
        close = torch.from_numpy(side.close_R) if side.close_R.any() else None
        out.append(Better(part, which, peaks, partners.long() + first, close))
    return out
