"""Everything that is wanted of all pairs of rows, from one pass over their products.

Shapes: V rows, D columns, N rows that take part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.compiled import fastest
from ngpt_inspect.numerics.directions import row_norms
from ngpt_inspect.numerics.finite import require_finite
from ngpt_inspect.numerics.heartbeat import beat
from ngpt_inspect.numerics.mean_product import mean_product
from ngpt_inspect.numerics.neighbours import Best, Closest, Nearest
from ngpt_inspect.numerics.pairwise import (
    ALL_ROUNDING,
    SORTED_PAIRS,
    Dots,
    PairwiseDots,
    Spread,
    exponent_of,
    summary,
)
from ngpt_inspect.numerics.precision import full_products
from ngpt_inspect.numerics.spread import FEWEST, Coverage, Covering, CoverSeen
from ngpt_inspect.numerics.tiles import GROUPS, TiledRows, over_tiles, random_groups

Want = Dots | Closest | Covering
COSINES = Dots(normalize=True, n_extremes=0)
"""What of their distribution a `Covering` takes."""
SHORT = 2.0**-40
"""Rows shorter than this, where the longest are near 1, have cosines that raw float32 products do
not hold: then rows are divided by their norms first, in a pass of its own."""
ALONE = 2.0**-60
"""Where all rows but one are shorter than this part of it, float32 has no bins for products."""


@full_products()
def all_pairs(x_VD: torch.Tensor, wants: Sequence[Want]) -> dict[Want, Any]:
    """Return what is wanted of the products of all pairs of different rows, each made once.

    Products are taken in tiles, 2 D operations a pair: raw, and over two norms for cosines. Besides
    the rows themselves it holds about 25 MB a thread. Numbers do not depend on what else is wanted,
    nor on how many threads there are; which of equal cosines is named may.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype, on any device.
    wants : sequence of Dots, Closest and Covering

    Returns
    -------
    dict
        Of each `Dots` a `PairwiseDots`, or None where there are not two rows; of each `Closest` a
        `Nearest`; of each `Covering` a `Coverage`, or None where fewer than three rows have a
        direction, or they have one column.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    """
    require_finite(x_VD)
    return _Cloud(x_VD.detach()).found(wants)


def pairwise_dots(x_VD: torch.Tensor, **settings: Any) -> PairwiseDots:
    """Return the distribution of dot products alone; settings are those of `Dots`.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    ValueError
        If there are not two rows to compare.
    """
    want = Dots(**settings)
    found: PairwiseDots | None = all_pairs(x_VD, [want])[want]
    if found is None:
        zeros = int((row_norms(x_VD) == 0).sum())
        msg = f"pairs need at least two rows, got {len(x_VD)}, {zeros} of norm zero"
        raise ValueError(msg)
    return found


def nearest_rows(x_VD: torch.Tensor, *, duplicate: float) -> Nearest:
    """Return the nearest row of every row alone; see `Closest`."""
    want = Closest(duplicate)
    found: Nearest = all_pairs(x_VD, [want])[want]
    return found


def spread(x_VD: torch.Tensor, k: int) -> Coverage | None:
    """Return how directions cover the sphere alone; see `Covering`."""
    want = Covering(k)
    found: Coverage | None = all_pairs(x_VD, [want])[want]
    return found


class _Cloud:
    """Rows with their norms, and the passes over them."""

    def __init__(self, x_VD: torch.Tensor) -> None:
        self.x_VD = x_VD
        self._means: dict[bool, float] = {}
        self.norms_V = row_norms(x_VD)
        self.nonzero = (self.norms_V > 0).nonzero().squeeze(1)
        self.zero = (self.norms_V == 0).nonzero().squeeze(1)
        longest, second = [*self.norms_V.topk(min(2, len(x_VD))).values.tolist(), 0.0, 0.0][:2]
        wide = x_VD.dtype == torch.float64 or second < longest * ALONE
        self.dtype = torch.float64 if wide else torch.float32
        self.exponent = exponent_of(longest)
        shortest = float(self.norms_V[self.nonzero].min()) if len(self.nonzero) else 1.0
        self.one_pass = math.ldexp(shortest, -self.exponent) >= SHORT

    def found(self, wants: Sequence[Want]) -> dict[Want, Any]:
        """Return everything that is wanted, from as few passes as hold it."""
        out: dict[Want, Any] = {want: None for want in wants if self.lacks_rows(want)}
        passes: dict[Any, list[Want]] = {}
        for want in wants:
            if want not in out:
                passes.setdefault(self.pass_of(want), []).append(want)
        for mine in passes.values():
            out |= self.measured(mine)
        return out

    def lacks_rows(self, want: Want) -> bool:
        """Whether there is nothing to say; that a row has no nearest one `Nearest` says."""
        if isinstance(want, Covering):
            return len(self.nonzero) < FEWEST or self.x_VD.shape[1] < 2
        return isinstance(want, Dots) and self.count(want) < 2

    def pass_of(self, want: Want) -> tuple[Any, ...]:
        """Return what tells the passes apart that serve these; equal for those that share one."""
        if isinstance(want, Covering) and self.are_few:
            return ("in float64",)
        apart = not self.one_pass and (not isinstance(want, Dots) or want.normalize)
        if not isinstance(want, Dots) or self.is_whole(want):
            return (apart,)
        return apart, want.budget, want.seed, self.count(want)

    @property
    def are_few(self) -> bool:
        """Whether cosines are so few that they are sorted; a `Covering` has them in float64."""
        return self.n_pairs(COSINES) <= SORTED_PAIRS

    def count(self, want: Dots) -> int:
        return len(self.nonzero) if want.normalize else len(self.x_VD)

    def n_pairs(self, want: Dots) -> int:
        return self.count(want) * (self.count(want) - 1) // 2

    @property
    def work(self) -> float:
        """Operations a pair."""
        return 2.0 * self.x_VD.shape[1]

    def is_whole(self, want: Dots) -> bool:
        few = self.n_pairs(want) * self.work <= want.budget or self.count(want) < 4 * GROUPS
        return want.exact or few

    def groups(self, wants: Sequence[Dots], *, in_float64: bool) -> list[TiledRows]:
        """Return the rows whose pairs are multiplied: all in one group, or a sample."""
        if in_float64:
            facts = (self.norms_V, True, torch.float64, 0, True)
            return [TiledRows(self.x_VD, self.nonzero, *facts)]
        raw = any(not want.normalize for want in wants)
        normalize = not raw and not self.one_pass
        exponent = 0 if normalize else self.exponent
        kind = (self.norms_V, normalize, self.dtype, exponent)
        if all(map(self.is_whole, wants)):
            # Those without a direction last, so that no tile has cosines of only some of its rows.
            ids_N = torch.cat((self.nonzero, self.zero)) if raw else self.nonzero
            return [TiledRows(self.x_VD, ids_N, *kind, not (raw and len(self.zero)))]
        rows = TiledRows(self.x_VD, self.ids(wants[0]), *kind)
        return random_groups(rows, wants[0].budget / self.work, wants[0].seed)

    def ids(self, want: Dots) -> torch.Tensor:
        """Return the rows whose products are wanted, ascending."""
        return self.nonzero if want.normalize else torch.arange(len(self.x_VD)).to(self.nonzero)

    def measured(self, wants: Sequence[Want], *, in_float64: bool = False) -> dict[Want, Any]:
        """Return what is wanted of the pairs of the same rows, from one pass."""
        dots = [want for want in wants if isinstance(want, Dots)]
        covering = [want for want in wants if isinstance(want, Covering)]
        in_float64 |= bool(covering) and self.are_few
        groups = self.groups(dots, in_float64=in_float64)
        count = len(self.nonzero)
        seen: dict[Want, Best | CoverSeen] = {
            want: Best(groups[0], count, want.duplicate)
            for want in wants
            if isinstance(want, Closest)
        }
        seen |= {want: CoverSeen(groups[0], count, want.k) for want in covering}
        spreads = self.spreads(groups, [*dots, *([COSINES] if covering else [])])
        _gather(groups, spreads, list(seen.values()), count)
        out: dict[Want, Any] = {want: each.found(groups[0], spreads) for want, each in seen.items()}
        # What float32 leaves of such a spread is its own rounding.
        lost = {
            kind: group.dtype != torch.float64 and spread.std <= ALL_ROUNDING * group.rounding
            for kind, spread in spreads.items()
            for group in [self.kind(groups[0], Dots(normalize=kind))]
        }
        if covering and lost[True]:
            out |= self.measured(covering, in_float64=True)
        for want in dots:
            found, of = spreads[want.normalize], groups
            if lost[want.normalize]:
                of = [replace(group, dtype=torch.float64) for group in groups]
                again = self.spreads(of, [want])
                _gather(of, again, [], len(self.nonzero))
                found = again[want.normalize]
            of = [self.kind(group, want) for group in of]
            whole = self.is_whole(want)
            facts = (whole, self.mean(want.normalize), self.n_pairs(want), len(self.zero))
            out[want] = summary(want, found, of, *facts)
        return out

    def spreads(self, groups: list[TiledRows], wants: Sequence[Dots]) -> dict[bool, Spread]:
        """Return what gathers raw products and cosines, where they are wanted."""
        out = {}
        for normalize in dict.fromkeys(want.normalize for want in wants):
            mine = [want for want in wants if want.normalize is normalize]
            kinds = [self.kind(group, mine[0]) for group in groups]
            most = max(want.n_extremes for want in mine)
            out[normalize] = Spread(kinds, self.mean(normalize), most)
        return out

    def kind(self, group: TiledRows, want: Dots) -> TiledRows:
        """Return the rows of a group as what their products are then taken for."""
        if not want.normalize:
            return group
        kept = group.ids_N[self.norms_V[group.ids_N] > 0]
        return replace(group, ids_N=kept, normalize=True, exponent=0)

    def mean(self, normalize: bool) -> float:
        """Return the mean over all pairs, in float64."""
        if normalize not in self._means:
            want = Dots(normalize=normalize)
            exponent = 0 if normalize else self.exponent
            facts = (self.norms_V, normalize, self.dtype, exponent, True)
            rows = TiledRows(self.x_VD, self.ids(want), *facts)
            self._means[normalize] = mean_product(rows, self.n_pairs(want))
        return self._means[normalize]


def _gather(
    groups: list[TiledRows],
    spreads: dict[bool, Spread],
    best: list[Best | CoverSeen],
    n_nonzero: int,
) -> None:
    """Go over the tiles of each group once."""
    todo = sum(len(g.ids_N) * (len(g.ids_N) - 1) // 2 for g in groups)
    done = 0
    for group in groups:
        cut = n_nonzero if len(group.ids_N) > n_nonzero else None
        look = fastest(group, spreads, best, len(group.ids_N) if cut is None else cut)
        with ExitStack() as stack:
            for spread in spreads.values():
                stack.enter_context(spread.group())
            for n_values, glances, better in over_tiles(group, look, cut):
                for normalize, seen in glances.items():
                    spreads[normalize].take(seen)
                for each, found in zip(best, better, strict=False):
                    each.take(found)
                done += n_values
                beat(done, todo)
