"""Pairs of rows from some of them: their products, and the nearest of all others.

Shapes: V rows, D columns, N rows drawn, K rows asked for, B rows of a block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.directions import directions, row_norms
from ngpt_inspect.numerics.finite import require_finite, row_blocks
from ngpt_inspect.numerics.pairs import all_pairs
from ngpt_inspect.numerics.pairwise import Dots, PairwiseDots
from ngpt_inspect.numerics.precision import full_products
from ngpt_inspect.numerics.sampling import drawn, left_to_chance, mean_product_error
from ngpt_inspect.numerics.tiles import GROUPS

BLOCK_ELEMENTS = 1 << 21
ASKING = 1e10
"""Operations of a quick look at the nearest rows, which are bare products."""
FEWEST_ASKED = 32


def sampled_dots(
    x_VD: torch.Tensor, wants: Sequence[Dots], seed: int = 0
) -> list[PairwiseDots | None]:
    """As `all_pairs`, looking only at as many rows as make up the groups of the first's budget.

    The mean is over all pairs of these rows, `n_pairs` those of all rows, and the named pairs the
    most extreme of the pairs that were multiplied.

    Raises
    ------
    NonFinite
        If a value of a row that is drawn is NaN or infinite.
    """
    count, width = x_VD.shape
    size = max(2, math.isqrt(int(wants[0].budget / width / GROUPS)))
    ids_N = drawn(count, GROUPS * size, seed)
    rows_ND = x_VD[ids_N.to(x_VD.device)]
    found = all_pairs(rows_ND, wants)
    return [_of_all(found[want], want, rows_ND, ids_N, x_VD) for want in wants]


def _of_all(
    found: PairwiseDots | None,
    want: Dots,
    rows_ND: torch.Tensor,
    ids_N: torch.Tensor,
    x_VD: torch.Tensor,
) -> PairwiseDots | None:
    """Count the pairs of all rows, name pairs by their rows in it, say how sure the mean is."""
    count = len(x_VD)
    chance = left_to_chance(len(ids_N), count)
    if not chance:
        return found
    if found is None or found.exact:  # hardly a row that was drawn has a direction: nor do others
        whole: PairwiseDots | None = all_pairs(x_VD, [want])[want]
        return whole
    names = ids_N.tolist()
    largest, smallest = (
        tuple(replace(p, first=names[p.first], second=names[p.second]) for p in pairs)
        for pairs in (found.largest, found.smallest)
    )
    sound = count if not want.normalize else count * (1 - found.zero_rows / len(names))
    return replace(
        found,
        largest=largest,
        smallest=smallest,
        n_pairs=round(sound * (sound - 1) / 2),
        mean_standard_error=mean_product_error(rows_ND, chance, unit=want.normalize),
    )


@dataclass(frozen=True)
class SampledNearest:
    """The nearest of all other rows, of some rows."""

    ids_K: torch.Tensor
    """The rows that were drawn and have a direction, ascending."""
    cosine_K: torch.Tensor
    """Float64."""
    partner_K: torch.Tensor
    duplicates_K: torch.Tensor
    """How many other rows have at least the cosine `duplicate` with it, int64."""


@full_products()
def sampled_nearest(
    x_VD: torch.Tensor, duplicate: float, budget: float, seed: int = 0
) -> SampledNearest:
    """Compare as many rows as the budget allows, 2 V D operations each, with every other row.

    Cosines are compared in float32 (float64 rows: in float64), and what is found is computed again
    in float64.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    """
    count, width = x_VD.shape
    norms_V = row_norms(x_VD)
    if not norms_V.isfinite().all():
        require_finite(x_VD)
    sound_V = (norms_V > 0) & norms_V.isfinite()
    ids_K = drawn(count, max(FEWEST_ASKED, budget / (2 * count * width)), seed).to(norms_V.device)
    ids_K = ids_K[sound_V[ids_K]]
    asked_KD = directions(x_VD[ids_K])
    dtype = torch.float64 if x_VD.dtype == torch.float64 else torch.float32
    # Where lengths would leave the range of products, rows are divided by them first.
    near_one = bool(((norms_V[sound_V] > 2.0**-60) & (norms_V[sound_V] < 2.0**60)).all())
    best_K = torch.full((len(ids_K),), -math.inf, dtype=dtype, device=norms_V.device)
    partner_K, close_K = torch.zeros_like(ids_K), torch.zeros_like(ids_K)
    first = 0
    for rows in row_blocks(x_VD, BLOCK_ELEMENTS):
        here = slice(first, first + len(rows))
        over_B1 = (1 / norms_V[here] if near_one else sound_V[here].double()).unsqueeze(1)
        taken = rows if near_one else directions(rows)
        cosines_BK = (taken.to(dtype) @ asked_KD.T.to(dtype)) * over_B1.to(dtype)
        cosines_BK[~sound_V[here]] = -math.inf
        own_K = (ids_K >= here.start) & (ids_K < here.stop)
        cosines_BK[ids_K[own_K] - first, own_K.nonzero().squeeze(1)] = -math.inf
        if len(ids_K):
            peaks_K, which_K = cosines_BK.max(0)
            partner_K = torch.where(peaks_K > best_K, which_K + first, partner_K)
            best_K = torch.maximum(best_K, peaks_K)
            close_K += (cosines_BK >= duplicate).sum(0)
        first = here.stop
    found_K = best_K > -math.inf
    ids_K, partner_K = ids_K[found_K], partner_K[found_K]
    exact_K = torch.linalg.vecdot(directions(x_VD[ids_K]), directions(x_VD[partner_K]))
    return SampledNearest(ids_K, exact_K.clamp(-1.0, 1.0), partner_K, close_K[found_K])
