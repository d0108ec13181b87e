"""The shape of a cloud from some of its rows: spectrum, mean norm, anisotropy, IsoScore.

Shapes: V rows, D columns, N rows drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.clouds import eigenvalues_of, iso_score_of
from ngpt_inspect.numerics.cores import one_core_each
from ngpt_inspect.numerics.directions import anisotropy, row_norms
from ngpt_inspect.numerics.gram import gram_matrix
from ngpt_inspect.numerics.sampling import (
    QUICK,
    Estimate,
    drawn,
    extrapolated,
    left_to_chance,
    mean_product_error,
    sampled_mean,
)
from ngpt_inspect.numerics.spectra import unit_scale

ROWS_A_COLUMN = 16
"""Fewest rows a column, of which a spectrum is estimated: with fewer it is mostly their number."""
WIDEST = 1024
"""Columns; the eigenvalues of wider covariances alone take longer than a second."""
GROUPS = 8


@dataclass(frozen=True)
class _Moments:
    """Sums over rows: of x x^T, of x, and of 1."""

    gram_DD: torch.Tensor
    sum_D: torch.Tensor
    count: int

    def __add__(self, other: _Moments) -> _Moments:
        return _Moments(
            self.gram_DD + other.gram_DD, self.sum_D + other.sum_D, self.count + other.count
        )

    def covariance(self, *, centred: bool) -> torch.Tensor:
        mean_D = self.sum_D / self.count
        second_DD = self.gram_DD / self.count
        return second_DD - torch.outer(mean_D, mean_D) if centred else second_DD

    def iso_score(self) -> torch.Tensor:
        about_mean = self.covariance(centred=True)
        size = float(torch.linalg.matrix_norm(about_mean))
        score = iso_score_of(float(about_mean.trace()), size, len(about_mean))
        return torch.tensor(score, dtype=torch.float64)


@dataclass(frozen=True)
class SampledCloud:
    """What some rows tell of the cloud of all."""

    rows: int
    mean_norm: Estimate
    anisotropy: Estimate
    iso_score: Estimate | None
    """None, as `eigenvalues`, where there are more than `WIDEST` columns."""
    eigenvalues: Estimate | None
    """Of the covariance, largest first, in the squared unit of `scale` times the rows."""
    scale: float


def rows_of_spectrum(width: int) -> int:
    """How many rows a quick look at a spectrum takes."""
    return max(int(QUICK / width**2), ROWS_A_COLUMN * width)


def sampled_cloud(
    x_VD: torch.Tensor, n_rows: int, *, centred: bool = True, seed: int = 0
) -> SampledCloud:
    """Estimate spectrum, mean norm, anisotropy and IsoScore from rows drawn at random.

    Raises
    ------
    NonFinite
        If a value of a row that is drawn is NaN or infinite.
    """
    count, width = x_VD.shape
    ids_N = drawn(count, n_rows, seed)
    rows_ND = x_VD[ids_N.to(x_VD.device)]
    chance = left_to_chance(len(ids_N), count)
    cosines = anisotropy(rows_ND), mean_product_error(rows_ND, chance, unit=True)
    scale = unit_scale(rows_ND)
    score = eigenvalues = None
    if width <= WIDEST:
        groups = _moments(rows_ND, scale, centred=centred, seed=seed)
        whole = sum(groups[1:], groups[0])
        score = extrapolated(whole.iso_score(), [g.iso_score() for g in groups], chance)
        # Of halves, and of groups along the directions of the whole: less than all of groups.
        sides = [sum(groups[k + 2 :: 2], groups[k]) for k in (0, 1)]
        halves = [eigenvalues_of(each.covariance(centred=centred)) for each in sides]
        curve, axes_DD = one_core_each(torch.linalg.eigh, whole.covariance(centred=centred))
        along = [((g.covariance(centred=centred) @ axes_DD) * axes_DD).sum(0) for g in groups]
        eigenvalues = extrapolated(curve.flip(0), halves, chance, [each.flip(0) for each in along])
        eigenvalues = replace(eigenvalues, value=eigenvalues.value.clamp_min(0.0))
    return SampledCloud(
        len(ids_N),
        sampled_mean(row_norms(rows_ND), chance),
        Estimate(*torch.tensor(cosines, dtype=torch.float64)),
        score,
        eigenvalues,
        scale,
    )


def _moments(rows_ND: torch.Tensor, scale: float, *, centred: bool, seed: int) -> list[_Moments]:
    """Return the moments of groups drawn from the rows, about the mean of all if centred."""
    order = torch.randperm(len(rows_ND), generator=torch.Generator().manual_seed(seed + 1))
    mixed_ND = rows_ND[order.to(rows_ND.device)]
    centre_D = mixed_ND.double().mean(0) if centred else None
    edges = torch.linspace(0, len(mixed_ND), GROUPS + 1).long().tolist()
    out = []
    for first, last in pairwise(edges):
        part = mixed_ND[first:last]
        sum_D = part.double().sum(0)
        if centre_D is not None:
            sum_D = sum_D - len(part) * centre_D
        out.append(_Moments(gram_matrix(part, scale, centre_D), sum_D * scale, len(part)))
    return out
