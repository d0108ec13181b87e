"""Which rows lie closest to one another by cosine.

Shapes: V rows, D columns, N rows that have a direction, K rows asked for, R x C a tile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.directions import directions, row_norms
from ngpt_inspect.numerics.finite import require_finite, row_blocks, times_power
from ngpt_inspect.numerics.pairwise import Spread
from ngpt_inspect.numerics.tiles import Tile, TiledRows

BLOCK_ELEMENTS = 1 << 21
"""Values widened at a time: 16 MB of float64."""


@dataclass(frozen=True)
class Nearest:
    """The nearest other row of every row."""

    cosine_V: torch.Tensor
    """Float64; nan for a row that has no direction, or no other row to compare with."""
    partner_V: torch.Tensor
    """Which row it is, int64; -1 where the cosine is nan."""
    duplicates_V: torch.Tensor
    """How many other rows have at least the cosine `duplicate` with it, int64."""


@dataclass(frozen=True)
class Closest:
    """That the nearest row of every row is wanted, and its near-duplicates.

    Cosines are compared in float32 (float64 rows: in float64), so of rows whose cosines agree to
    rounding any one may be named; the cosine found is computed again in float64.
    """

    duplicate: float
    """Cosine from which on two rows count as near-duplicates of each other."""


@dataclass(frozen=True)
class Better:
    """Rows for which a tile has a larger cosine than was known, and how many are close."""

    rows: slice
    which: torch.Tensor
    peaks: torch.Tensor
    partners: torch.Tensor
    close: torch.Tensor | None


class Best:
    """The largest cosine of each row so far. Tiles serve both of their sides."""

    def __init__(self, rows: TiledRows, count: int, duplicate: float) -> None:
        device = rows.x_VD.device
        # As the products have it: all that compare them with it agree.
        self.duplicate = float(torch.tensor(duplicate, dtype=rows.dtype))
        self.cosine_N = torch.full((count,), float("-inf"), dtype=rows.dtype, device=device)
        self.partner_N = torch.zeros(count, dtype=torch.int64, device=device)
        self.close_N = torch.zeros(count, dtype=torch.int64, device=device)

    def look(self, tile: Tile) -> list[Better]:
        """Return what may be better in a tile; it may be looked at while others are taken."""
        dots_RC = tile.matrix()
        close = tile.high >= self.duplicate
        places = tile.first_row, tile.first_column
        sides = (1,) if tile.triangle else (1, 0)
        return [self._look(dots_RC, side, places, close) for side in sides]

    def _look(
        self, dots_RC: torch.Tensor, side: int, places: tuple[int, int], close: bool
    ) -> Better:
        """Look along rows (side 1) for what is nearest to each, or along columns (side 0)."""
        first, start = places if side else places[::-1]
        peaks = dots_RC.amax(side)
        here = slice(first, first + len(peaks))
        which = (peaks > self.cosine_N[here]).nonzero().squeeze(1)
        partners = dots_RC.index_select(1 - side, which).argmax(side) + start
        counts = (dots_RC >= self.duplicate).sum(side) if close else None
        return Better(here, which, peaks[which], partners, counts)

    def take(self, found: Sequence[Better]) -> None:
        """Take what is better still; of equal cosines the first stays."""
        for each in found:
            known = self.cosine_N[each.rows]
            better = each.peaks > known[each.which]
            which = each.which[better]
            known[which] = each.peaks[better]
            self.partner_N[each.rows][which] = each.partners[better]
            if each.close is not None:
                self.close_N[each.rows] += each.close

    def found(self, rows: TiledRows, spreads: Mapping[bool, Spread]) -> Nearest:
        """Return the nearest row of every row, those without a direction included."""
        ids_N = rows.ids_N[: len(self.cosine_N)]
        cosine_V = torch.full_like(rows.norms_V, float("nan"))
        partner_V = torch.full_like(rows.norms_V, -1, dtype=torch.int64)
        duplicates_V = torch.zeros_like(partner_V)
        duplicates_V[ids_N] = self.close_N
        if len(ids_N) > 1:
            partner_V[ids_N] = ids_N[self.partner_N]
            cosine_V[ids_N] = replace(rows, normalize=True).dots(ids_N, partner_V[ids_N])
        return Nearest(cosine_V, partner_V, duplicates_V)


@dataclass(frozen=True)
class Neighbours:
    """The rows nearest to one row, nearest first."""

    row: int
    ids: torch.Tensor
    cosines: torch.Tensor
    dots: torch.Tensor
    """inf where they are beyond float64, nan where they vanish there."""


def neighbours_of(x_VD: torch.Tensor, rows: Sequence[int], count: int) -> list[Neighbours]:
    """Find the `count` rows of largest cosine with each of these: one product, in float64.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype. Rows of norm zero have no cosine: they are neighbours of none, and have
        none.
    rows : sequence of K ints
        Rows to find neighbours of.
    count : int
        How many; fewer where there are not as many other rows.

    Returns
    -------
    list of Neighbours, one for each of `rows`

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    """
    require_finite(x_VD)
    norms_V = row_norms(x_VD)
    asked_KD = x_VD[list(rows)]
    blocks = list(row_blocks(x_VD, BLOCK_ELEMENTS))
    unit_DK = directions(asked_KD).T
    cosines_VK = torch.cat([directions(part) @ unit_DK for part in blocks])
    found = []
    for k, row in enumerate(rows):
        there_N = (norms_V > 0).nonzero().squeeze(1)
        there_N = there_N[there_N != row] if norms_V[row] > 0 else there_N[:0]
        cosines_N = cosines_VK[there_N, k]
        order = cosines_N.argsort(descending=True, stable=True)[:count]
        ids = there_N[order]
        dots = _dots(asked_KD[k], x_VD[ids])
        found.append(Neighbours(row, ids, cosines_N[order].clamp(-1.0, 1.0), dots))
    return found


def _dots(x_D: torch.Tensor, y_ND: torch.Tensor) -> torch.Tensor:
    """Return x . y_n in float64; inf where it is beyond float64, nan where it vanishes there."""
    x_D, y_ND = x_D.double(), y_ND.double()
    e_1, e_N = (torch.frexp(rows.abs().amax(-1)).exponent for rows in (x_D, y_ND))
    near_N = torch.linalg.vecdot(times_power(x_D, -e_1), times_power(y_ND, -e_N.unsqueeze(1)))
    dots_N = times_power(near_N, e_1 + e_N)
    lost_N = (near_N != 0) & (dots_N.abs() < torch.finfo(torch.float64).tiny)
    return dots_N.masked_fill(lost_N, float("nan"))
