"""Looking at large tiles in one compiled pass, where the extra `compiled` is installed.

What torch has goes over a tile a dozen times, and all of that takes longer than the product. Pairs
and cosines are the same; a value on the edge of a fine bin may be counted in the next, and squares
are summed in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.neighbours import Best, Better
from ngpt_inspect.numerics.pairwise import Glance, Spread
from ngpt_inspect.numerics.spread import CoverSeen, Nearer, potential_of
from ngpt_inspect.numerics.tile_look import TileLook
from ngpt_inspect.numerics.tiles import Hand, Spot, Tile, TiledRows

if TYPE_CHECKING:
    from ngpt_inspect.numerics.loops import Counting, Side

FROM_PAIRS = 1 << 27
"""From so many pairs on, 16,385 rows, it gains more than the second that Numba takes to load."""


def fastest(
    rows: TiledRows,
    spreads: dict[bool, Spread],
    best: Sequence[Best | CoverSeen],
    n_cosines: int,
) -> TileLook:
    """Return what looks at the tiles of these rows; the first `n_cosines` have a direction."""
    few = len(rows.ids_N) * (len(rows.ids_N) - 1) // 2 < FROM_PAIRS
    kept = any(spread.kept is not None for spread in spreads.values())
    if few or kept or rows.dtype != torch.float32 or rows.x_VD.device.type != "cpu":
        return TileLook(rows, spreads, best, n_cosines)
    try:
        import ngpt_inspect.numerics.loops  # noqa: F401
    except (ImportError, RuntimeError):  # not installed; no folder to keep what is compiled
        return TileLook(rows, spreads, best, n_cosines)
    return CompiledTileLook(rows, spreads, best, n_cosines)


class CompiledTileLook(TileLook):
    """Counts values and finds the nearest rows in one pass; what that does not do, after it."""

    def __call__(
        self, hand: Hand, spot: Spot, dots_RC: torch.Tensor
    ) -> tuple[int, dict[bool, Glance], list[Any]]:
        """Look at a tile as `TileLook` does."""
        from ngpt_inspect.numerics.loops import look

        has_cosines = spot.stop <= self.n_cosines
        best = self.best if has_cosines else ()
        kinds = [kind for kind in self.spreads if has_cosines or not kind]
        near, cover = _served(best)
        height = len(dots_RC) if cover else 1
        unit_RC = hand.room("unit", (height, dots_RC.shape[1]), self.rows)
        unit = bool(best) or True in kinds
        rows, columns = (
            self._side(part if unit else slice(0), near, cover)
            for part in (spot.rows, spot.columns)
        )
        found = look(
            dots_RC.numpy(),
            unit_RC.numpy(),
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
        sides = ((spot.rows, rows, spot.start), (spot.columns, columns, spot.first))
        better: list[Any] = []
        for each in best:
            if each is near:
                better.append([_better(*side) for side in sides])
            elif each is cover:
                nearer = [_nearer(*side) for side in sides]
                better.append((potential_of(spot.values(unit_RC)), nearer))
            else:
                better.append(each.look(tile(True)))
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

    def _side(self, part: slice, near: Best | None, cover: CoverSeen | None) -> Side:
        """Return what is known of the rows on one side, for what is nearer to be put in."""
        from ngpt_inspect.numerics.loops import Side

        over_R = self.over_norms_N[part].numpy()
        if cover:
            known_RK = cover.nearest.cosines_NK[part].numpy().copy()
        elif near:
            known_RK = near.cosine_N[part].unsqueeze(1).numpy().copy()
        else:
            known_RK = np.empty((0, 1), np.float32)
        ids_RK = np.full(known_RK.shape, -1)
        close_R = np.zeros(len(known_RK), np.int64)
        return Side(over_R, known_RK[:, -1].copy(), known_RK, ids_RK, close_R)


def _served(best: Sequence[Best | CoverSeen]) -> tuple[Best | None, CoverSeen | None]:
    """Return which of them the pass itself serves: the first of each kind."""
    near = next((each for each in best if isinstance(each, Best)), None)
    return near, next((each for each in best if isinstance(each, CoverSeen)), None)


def _better(part: slice, side: Side, first: int) -> Better:
    """Return for which rows of one side a nearer one was found."""
    which = torch.from_numpy((side.ids_RK[:, 0] >= 0).nonzero()[0])
    peaks, partners = (torch.from_numpy(of[:, 0])[which] for of in (side.cosines_RK, side.ids_RK))
    close = torch.from_numpy(side.close_R) if side.close_R.any() else None
    return Better(part, which, peaks, partners + first, close)


def _nearer(part: slice, side: Side, first: int) -> Nearer:
    """Return the nearest of the rows of one side, of those that were not known."""
    ids_RK = torch.from_numpy(side.ids_RK)
    new_RK = torch.from_numpy(side.cosines_RK).masked_fill(ids_RK < 0, -np.inf)
    return Nearer(part, new_RK, ids_RK + first)
