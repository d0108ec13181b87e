"""Singular values of products A^T B of two thin factors, without the product.

Shapes: H heads, G groups of heads that share a B, K rows of a factor (d_k), D columns (d_model).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.conditioning import Conditioning, judged
from ngpt_inspect.numerics.cores import one_core_each
from ngpt_inspect.numerics.extremes import Extremes
from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.numerics.operators import triangular_root
from ngpt_inspect.numerics.resolution import DEVIATIONS, StorageRounding, direction
from ngpt_inspect.numerics.spectra import unit_scale


@dataclass(frozen=True)
class Factor:
    """One factor of H (or G) products, and what storage left in it."""

    values: torch.Tensor
    """Shape (H, K, D), float64."""
    errors: torch.Tensor
    """Root mean square error of each entry, of the same shape."""


@dataclass(frozen=True)
class Products:
    """The spectra of H products."""

    values_Hn: torch.Tensor
    """Singular values in float64, largest first: n = min(K, D), beside zeros."""
    conditionings: tuple[Conditioning, ...]
    """Of each over its n values."""


def products(left: Factor, right: Factor, row_errors_HK: torch.Tensor | None = None) -> Products:
    """Singular values of A_h^T B_g(h), with what is known about the last of them.

    A^T = Q_A R_A and B^T = Q_B R_B are two thin QR factorisations, so the singular values of
    A^T B = Q_A (R_A R_B^T) Q_B^T are those of the core in brackets, which is K x K. Float64
    resolves them to about eps |A| |B|; nothing is squared.

    Parameters
    ----------
    left : Factor of H heads
    right : Factor of G groups
        G divides H: heads of one group follow each other.
    row_errors_HK : tensor of shape (H, K), optional
        Relative error of a factor common to a whole row of A, such as a learned scale.

    Returns
    -------
    Products

    Raises
    ------
    NonFinite
        If a value is NaN or infinite, or a product beyond float64.

    Notes
    -----
    Storage moves sigma_min = u^T A^T B v by u^T (dA^T B + A^T dB) v along its own vectors, which
    has variance sum_ij tau_A,ij^2 (B v)_i^2 u_j^2 + sum_ij tau_B,ij^2 (A u)_i^2 v_j^2, and what
    it adds at right angles to the ranges of A^T and B^T, spread evenly over the D - K
    directions that are left, adds in quadrature, as in `storage_rounding`.

    References
    ----------
    Golub and Van Loan, Matrix Computations, 2013, section 5.4.9 (R-SVD).
    """
    scales = unit_scale(left.values), unit_scale(right.values)
    a_HKD, b_GKD = left.values * scales[0], right.values * scales[1]
    heads = len(a_HKD) // len(b_GKD)
    root_a = triangular_root(a_HKD.mT)
    root_b = triangular_root(b_GKD.mT).repeat_interleave(heads, 0)
    driver = "gesvd" if a_HKD.is_cuda else None
    p_HnK, s_Hn, q_HnK = one_core_each(
        partial(torch.linalg.svd, full_matrices=False, driver=driver), root_a @ root_b.mT
    )
    # A u and B v at the smallest singular value, in the coordinates of the head.
    au_HK = (root_a.mT @ p_HnK[:, :, -1:]).squeeze(-1)
    bv_HK = (root_b.mT @ q_HnK.mT[:, :, -1:]).squeeze(-1)
    b_HKD = b_GKD.repeat_interleave(heads, 0)
    u_HD = direction((a_HKD.mT @ bv_HK.unsqueeze(-1)).squeeze(-1))
    v_HD = direction((b_HKD.mT @ au_HK.unsqueeze(-1)).squeeze(-1))
    outside = max(0, a_HKD.shape[2] - a_HKD.shape[1])
    e_a = (left.errors * scales[0]).square()
    e_b = (right.errors * scales[1]).square().repeat_interleave(heads, 0)
    along_H = _moved(e_a, bv_HK, u_HD) + _moved(e_b, au_HK, v_HD)
    if row_errors_HK is not None:
        along_H += (row_errors_HK * au_HK * bv_HK).square().sum(-1)
    even_HD = torch.full_like(u_HD, u_HD.shape[1] ** -0.5)
    across = [outside * _moved(e, x, even_HD) for e, x in ((e_a, bv_HK), (e_b, au_HK))]
    spectral = partial(torch.linalg.matrix_norm, ord=2)
    largest = [one_core_each(spectral, root) for root in (root_a, root_b)]
    magnitude_H = largest[0] * largest[1]
    back = scales[0] * scales[1]
    values_Hn = s_Hn / scales[0] / scales[1]
    lost = ~values_Hn[:, 0].isfinite() | (values_Hn[:, 0] < torch.finfo(torch.float64).tiny)
    if (lost & (s_Hn[:, 0] > 0)).any():
        msg = "products of these values are beyond float64"
        raise NonFinite(msg)
    known = torch.stack((along_H, *across, magnitude_H), 1).tolist()
    conditionings = tuple(
        judged(
            Extremes(top, bottom, 0.0, "qr + svd"),
            a_HKD.shape[2],
            _rounding(along, sides, outside, back),
            magnitude=magnitude / back,
        )
        for (top, bottom), (along, *sides, magnitude) in zip(
            values_Hn[:, [0, -1]].tolist(), known, strict=True
        )
    )
    return Products(values_Hn, conditionings)


def _moved(squares_HKD: torch.Tensor, x_HK: torch.Tensor, y_HD: torch.Tensor) -> torch.Tensor:
    """sum_ij squares_ij x_i^2 y_j^2."""
    by_row = (squares_HKD @ y_HD.square().unsqueeze(-1)).squeeze(-1)
    found: torch.Tensor = (by_row * x_HK.square()).sum(-1)
    return found


def _rounding(along: float, across: list[float], outside: int, scale: float) -> StorageRounding:
    """Bound sums of squares with these means as `storage_rounding` does; all are scaled by this."""

    def bound(parts: list[tuple[float, int]]) -> float:
        mean = sum(part for part, _ in parts)
        if not mean:
            return 0.0
        # Degrees of freedom by Satterthwaite; parts are relative to the mean, so nothing underflows
        spread = sum((part / mean) ** 2 / degrees for part, degrees in parts if degrees)
        return math.sqrt(mean) * (1 + DEVIATIONS * math.sqrt(min(1.0, spread)))

    sides = [(side, outside) for side in across]
    parts = ([(along, 1), *sides], [(along, 1)], sides)
    return StorageRounding(*(bound(each) / scale for each in parts))
