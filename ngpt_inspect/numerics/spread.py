"""How directions are spread over the sphere: over all pairs, and among nearest neighbours.

Shapes: V rows, D columns, N rows that have a direction, R x C a tile, K neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.binning import Tally
from ngpt_inspect.numerics.finite import BLOCK_ELEMENTS
from ngpt_inspect.numerics.pairwise import Spread
from ngpt_inspect.numerics.sphere_law import cosine_law
from ngpt_inspect.numerics.tiles import CHUNK, Tile, TiledRows

Cdf = Callable[["np.ndarray"], "np.ndarray"]

PIECE = 32
"""Neighbouring columns of which only those with the largest values are looked at."""
RESOLVED = 256
"""Squared distances of so many eps of the products are told apart to some per cent."""
FEWEST = 3
"""Rows: fewer have no two neighbours."""


@dataclass(frozen=True)
class Coverage:
    """How N directions are spread."""

    potential: float
    """ln of the mean of exp(-2 |x - y|^2) over all pairs."""
    distance: float
    """max |F - G|, F the distribution of the cosines of all pairs and G that of uniform ones."""
    distance_error: float
    """By how much binning can have made it too small; 0 where the cosines were sorted."""
    occurrences_N: torch.Tensor
    """How often each direction is among the k nearest of others, int64; they add up to N k."""
    k: int
    """Neighbours counted: at most N - 1."""
    dimension: float
    """Of TwoNN; NaN where no two neighbours of any row are at two distances above 0."""
    unresolved: int
    """Rows that have another within `reach`, or equal to them: TwoNN leaves them out."""
    reach: float
    """Distance up to which rounding of the products may decide which neighbour is the nearer."""
    ids_N: torch.Tensor
    """Which rows these are."""


@dataclass(frozen=True)
class Covering:
    """That how evenly directions cover the sphere is wanted, and the K = max(k, 2) nearest of each.

    Products are in float32 (in float64 where rows are, or pairs are few), the distances of
    neighbours again in float64.

    References
    ----------
    Wang and Isola, arXiv 2005.10242, section 4.1. Radovanovic, Nanopoulos and Ivanovic, Hubs in
    space, JMLR 11, 2010, section 3.1. Facco et al., doi 10.1038/s41598-017-11873-y, equation 5,
    with the estimate of maximum likelihood N / sum ln(r2 / r1).
    """

    k: int
    """Neighbours whose occurrences are counted."""


def skewness(counts_N: torch.Tensor) -> float:
    """Third central moment over the cube of the standard deviation; NaN where all are equal."""
    off_N = counts_N.double() - counts_N.double().mean()
    deviation = off_N.square().mean().sqrt()
    return float((off_N**3).mean() / deviation**3)


def potential_of(cosines_P: torch.Tensor) -> float:
    """Sum of exp(-4 (1 - cos)): |x - y|^2 = 2 - 2 cos; short sums, joined in float64."""
    sums = []
    for part in cosines_P.split(BLOCK_ELEMENTS):
        terms = (4 * part).sub_(4).exp_()
        whole = len(terms) // CHUNK * CHUNK
        sums += [terms[:whole].view(-1, CHUNK).sum(1), terms[whole:].sum(0, keepdim=True)]
    return float(torch.cat(sums).double().sum())


def _from_sorted(cosines: np.ndarray, cdf: Cdf) -> float:
    law = cdf(cosines)
    ranks = np.arange(len(cosines) + 1) / len(cosines)
    return float(max((ranks[1:] - law).max(), (law - ranks[:-1]).max()))


def _from_tally(tally: Tally, cdf: Cdf) -> tuple[float, float]:
    shares = tally.counts / tally.counts.sum()
    edges = np.arange(len(shares) + 1) * tally.width - tally.reach
    law = cdf(edges)
    found = float(np.abs(np.concatenate([[0.0], shares.cumsum()]) - law).max())
    return found, float(max(shares.max(), np.diff(law).max()))


@dataclass(frozen=True)
class Nearer:
    """The largest cosines of some rows in a tile, or -inf, and whose they are."""

    rows: slice
    values_RK: torch.Tensor
    ids_RK: torch.Tensor


class CoverSeen:
    """What is gathered of each tile of cosines for a `Covering`; their distribution is a Spread."""

    def __init__(self, rows: TiledRows, count: int, k: int) -> None:
        self.k = min(k, count - 1)
        unit = replace(rows, ids_N=rows.ids_N[:count], normalize=True, exponent=0)
        self.nearest = _Nearby(unit, max(self.k, 2))
        self.total = 0.0

    def look(self, tile: Tile) -> tuple[float, list[Nearer]]:
        """Return what is in a tile; it may be looked at while others are taken."""
        return potential_of(tile.values_P), self.nearest.look(tile)

    def take(self, found: tuple[float, list[Nearer]]) -> None:
        """Take what was seen, in the order of the tiles."""
        self.total += found[0]
        self.nearest.take(found[1])

    def found(self, rows: TiledRows, spreads: Mapping[bool, Spread]) -> Coverage:
        """Return all of it, with the distance of the cosines, that of True, from the law."""
        ids_N = self.nearest.rows.ids_N
        count, cosines = len(ids_N), spreads[True]
        law = cosine_law(rows.x_VD.shape[1])
        if cosines.kept is not None:
            kept = np.sort(np.concatenate(cosines.kept))
            distance, error = _from_sorted(kept, law.cdf), 0.0
        else:
            distance, error = _from_tally(cosines.tallies[0], law.cdf)
        dimension, unresolved = self.nearest.two_nn()
        return Coverage(
            potential=math.log(self.total / (count * (count - 1) // 2)),
            distance=distance,
            distance_error=error,
            occurrences_N=torch.bincount(
                self.nearest.ids_NK[:, : self.k].flatten(), minlength=count
            ),
            k=self.k,
            dimension=dimension,
            unresolved=unresolved,
            reach=self.nearest.reach,
            ids_N=ids_N,
        )


class _Nearby:
    """The K largest cosines of each row so far, and whose they are."""

    def __init__(self, rows: TiledRows, k: int) -> None:
        self.rows, self.k, count = rows, k, len(rows.ids_N)
        device = rows.ids_N.device
        self.cosines_NK = torch.full((count, k), -math.inf, dtype=rows.dtype, device=device)
        self.ids_NK = torch.zeros((count, k), dtype=torch.int64, device=device)

    def look(self, tile: Tile) -> list[Nearer]:
        """Return what is nearest in a tile, for the rows of both of its sides."""
        dots_RC = tile.matrix()
        sides = [(dots_RC, tile.first_row, tile.first_column)]
        if not tile.triangle:
            sides.append((dots_RC.T, tile.first_column, tile.first_row))
        found = []
        for dots, row, column in sides:
            values_RK, ids_RK = _largest(dots, self.k)
            found.append(Nearer(slice(row, row + len(dots)), values_RK, ids_RK + column))
        return found

    def take(self, found: list[Nearer]) -> None:
        """Take what is nearer than what was known; of equal cosines the first stays."""
        for new in found:
            values = torch.cat((self.cosines_NK[new.rows], new.values_RK), 1)
            ids = torch.cat((self.ids_NK[new.rows], new.ids_RK), 1)
            values, order = values.sort(dim=1, descending=True, stable=True)
            self.cosines_NK[new.rows] = values[:, : self.k]
            self.ids_NK[new.rows] = ids.gather(1, order[:, : self.k])

    @property
    def reach(self) -> float:
        """Nearer than this the products do not tell which neighbour is the nearest."""
        return math.sqrt(RESOLVED * torch.finfo(self.rows.dtype).eps)

    def two_nn(self) -> tuple[float, int]:
        """1 / mean ln(r2 / r1) over the rows whose nearest is beyond reach, and how many are not.

        Duplicates have no ratio; a mean of zero, all distances equal, no dimension.
        """
        rows, ratios = self.rows, []
        step = max(1, BLOCK_ELEMENTS // rows.x_VD.shape[1])
        for first in range(0, len(rows.ids_N), step):
            own_BD = rows.block(first, first + step, torch.float64)
            distances = [
                torch.linalg.vector_norm(own_BD - self._block(ids_B), dim=1)
                for ids_B in self.ids_NK[first : first + step, :2].T
            ]
            near_B, far_B = torch.stack(distances).sort(0).values
            apart = near_B > self.reach
            ratios.append((far_B[apart] / near_B[apart]).log())
        logs = torch.cat(ratios)
        mean = float(logs.mean()) if len(logs) else 0.0
        return (1 / mean if mean > 0 else math.nan), len(rows.ids_N) - len(logs)

    def _block(self, places_B: torch.Tensor) -> torch.Tensor:
        chosen = replace(self.rows, ids_N=self.rows.ids_N[places_B], in_order=False)
        return chosen.block(0, len(places_B), torch.float64)


def _largest(dots_RC: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the k largest values of each row, fewer of a narrow tile, and their columns.

    They lie in the k pieces of largest maxima, or behind the last whole piece.
    """
    width = dots_RC.shape[1]
    n_pieces = width // PIECE
    if n_pieces <= 2 * k:
        best = dots_RC.topk(min(k, width), 1)
        return best.values, best.indices
    whole = n_pieces * PIECE
    pieces = dots_RC[:, :whole].reshape(len(dots_RC), n_pieces, PIECE)
    chosen_Rk = pieces.amax(2).topk(k, 1).indices
    values = pieces.gather(1, chosen_Rk.unsqueeze(2).expand(-1, -1, PIECE)).flatten(1)
    offsets = torch.arange(PIECE, device=dots_RC.device)
    columns = (chosen_Rk.unsqueeze(2) * PIECE + offsets).flatten(1)
    rest = torch.arange(whole, width, device=dots_RC.device).expand(len(dots_RC), -1)
    values, columns = torch.cat((values, dots_RC[:, whole:]), 1), torch.cat((columns, rest), 1)
    best = values.topk(k, 1)
    return best.values, columns.gather(1, best.indices)
