"""Which rows lie closest to one another by cosine.

Shapes: V rows, D columns, N rows that have a direction, K rows asked for, R x C a tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.directions import directions, row_norms
from ngpt_inspect.numerics.finite import require_finite, row_blocks, times_power
from ngpt_inspect.numerics.heartbeat import beat
from ngpt_inspect.numerics.tiles import TiledRows, tiles

if TYPE_CHECKING:
    import torch

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


def nearest_rows(
    x_VD: torch.Tensor,
    *,
    duplicate: float,
) -> Nearest:
    """Largest cos(x_i, x_j) over j != i for every row i, and its j; every pair is looked at.

    Cosines are compared in float32 (float64 rows: in float64), so of rows whose cosines agree to
    rounding any one may be named; the cosine returned is computed again in float64. Tiles serve
    both of their sides: 2 D operations a pair of rows. Besides the rows it holds what
    `numerics.tiles` does, and at most two copies of a tile (32 MB).

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype, on any device. Rows of norm zero are left out.
    duplicate : float
        Cosine from which on two rows count as near-duplicates of each other.

    Returns
    -------
    Nearest

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    """
    import torch

    require_finite(x_VD)
    norms_V = row_norms(x_VD)
    ids_N = (norms_V > 0).nonzero().squeeze(1)
    dtype = torch.float64 if x_VD.dtype == torch.float64 else torch.float32
    rows = TiledRows(x_VD, ids_N, norms_V, True, dtype)
    best = _Best(len(ids_N), dtype, x_VD.device, duplicate)
    todo, done = len(ids_N) * (len(ids_N) - 1) // 2, 0
    for tile in tiles(rows):
        dots_RC = tile.matrix()
        close = tile.high >= duplicate
        best.look(dots_RC, tile.first_row, tile.first_column, close)
        if not tile.triangle:
            best.look(dots_RC.T, tile.first_column, tile.first_row, close)
        done += len(tile.values_P)
        beat(done, todo)
    cosine_V = torch.full_like(norms_V, float("nan"))
    partner_V = torch.full_like(norms_V, -1, dtype=torch.int64)
    duplicates_V = torch.zeros_like(partner_V)
    duplicates_V[ids_N] = best.close_N
    if len(ids_N) > 1:
        partner_V[ids_N] = ids_N[best.partner_N]
        cosine_V[ids_N] = rows.dots(ids_N, partner_V[ids_N])
    return Nearest(cosine_V, partner_V, duplicates_V)


class _Best:
    """The largest cosine of each row so far."""

    def __init__(
        self, count: int, dtype: torch.dtype, device: torch.device, duplicate: float
    ) -> None:
        import torch

        self.duplicate = duplicate
        self.cosine_N = torch.full((count,), float("-inf"), dtype=dtype, device=device)
        self.partner_N = torch.zeros(count, dtype=torch.int64, device=device)
        self.close_N = torch.zeros(count, dtype=torch.int64, device=device)

    def look(self, dots_RC: torch.Tensor, row: int, column: int, close: bool) -> None:
        """Take what is larger among the products of rows from `row` on with those from `column`."""
        here = slice(row, row + len(dots_RC))
        peaks_R = dots_RC.amax(1)
        better = (peaks_R > self.cosine_N[here]).nonzero().squeeze(1)
        self.cosine_N[row + better] = peaks_R[better]
        self.partner_N[row + better] = dots_RC[better].argmax(1) + column
        if close:
            self.close_N[here] += (dots_RC >= self.duplicate).sum(1)


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
    import torch

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
    import torch

    x_D, y_ND = x_D.double(), y_ND.double()
    e_1, e_N = (torch.frexp(rows.abs().amax(-1)).exponent for rows in (x_D, y_ND))
    near_N = torch.linalg.vecdot(times_power(x_D, -e_1), times_power(y_ND, -e_N.unsqueeze(1)))
    dots_N = times_power(near_N, e_1 + e_N)
    lost_N = (near_N != 0) & (dots_N.abs() < torch.finfo(torch.float64).tiny)
    return dots_N.masked_fill(lost_N, float("nan"))
