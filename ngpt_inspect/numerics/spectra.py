"""Singular values in float64, and the ranks they imply.

Shapes: O rows, I columns, H stacked matrices (heads), n = min(O, I) singular values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import one_core_each
from ngpt_inspect.numerics.finite import range_exponent
from ngpt_inspect.numerics.gram import gram_matrix

GRAM_KAPPA_LIMIT = 1e4
"""A Gram matrix squares the condition number: sigma_min is off by up to kappa^2 eps, 2e-8 here."""


def singular_values(w_OI: torch.Tensor) -> torch.Tensor:
    """All singular values, largest first, in float64 from the exact stored values.

    The square roots of the eigenvalues of the float64 Gram matrix, computed again by a singular
    value decomposition wherever kappa exceeds `GRAM_KAPPA_LIMIT`, since squaring costs digits.

    Parameters
    ----------
    w_OI : tensor of shape (O, I) or (H, O, I)
        Any floating dtype, on any device; H matrices are decomposed in one call.

    Returns
    -------
    tensor of shape (n,) or (H, n), float64, on the device of `w_OI`

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    ValueError
        If `w_OI` has no elements, or neither two nor three dimensions.
    """
    scale = unit_scale(w_OI)
    values_Hn = spectra(w_OI if w_OI.dim() == 3 else w_OI.unsqueeze(0), scale).values_Hn
    return values_Hn if w_OI.dim() == 3 else values_Hn[0]


@dataclass(frozen=True)
class Spectra:
    """Singular values of H matrices, the route to them and what was made on the way."""

    values_Hn: torch.Tensor
    """Largest first, float64."""
    methods: tuple[str, ...]
    """One for each matrix: "gram", "svd", or "svd on the CPU" where a GPU's did not converge."""
    gram_Hnn: torch.Tensor
    """Gram matrices of the shorter side, times scale^2."""


def spectra(w_HOI: torch.Tensor, scale: float) -> Spectra:
    """`singular_values` of a stack, computed on `scale` times its values; see `unit_scale`."""
    tall = w_HOI if w_HOI.shape[1] >= w_HOI.shape[2] else w_HOI.mT
    gram_Hnn = _gram_matrices(tall, scale)
    squares_Hn: torch.Tensor = one_core_each(torch.linalg.eigvalsh, gram_Hnn)
    values_Hn = squares_Hn.clamp_min(0.0).sqrt().flip(-1)
    methods = ["gram"] * len(tall)
    unsafe_H = values_Hn[:, -1] * GRAM_KAPPA_LIMIT <= values_Hn[:, 0]
    if bool(unsafe_H.any()):
        exact, method = _svd_values(tall[unsafe_H].double() * scale)
        values_Hn[unsafe_H] = exact
        methods = [method if u else "gram" for u in unsafe_H.tolist()]
    return Spectra(values_Hn / scale, tuple(methods), gram_Hnn)


def unit_scale(w: torch.Tensor) -> float:
    """Power of two that brings max |w| near 1 where its square could leave float64's range.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    ValueError
        If `w` has no elements, or neither two nor three dimensions.
    """
    if w.dim() not in (2, 3) or not w.numel():
        msg = f"expected a non-empty matrix or a stack of them, got shape {tuple(w.shape)}"
        raise ValueError(msg)
    return math.ldexp(1.0, max(-1000, min(1000, -range_exponent(w))))


def _gram_matrices(tall_HOI: torch.Tensor, scale: float) -> torch.Tensor:
    if len(tall_HOI) == 1:
        return gram_matrix(tall_HOI[0], scale).unsqueeze(0)
    wide = tall_HOI.double() * scale
    return wide.mT @ wide


def _svd_values(wide: torch.Tensor) -> tuple[torch.Tensor, str]:
    """Singular values by LAPACK, or by cuSOLVER's gesvd, its most accurate driver."""
    if not wide.is_cuda:
        return one_core_each(torch.linalg.svdvals, wide), "svd"
    try:
        return torch.linalg.svdvals(wide, driver="gesvd"), "svd"
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        return one_core_each(torch.linalg.svdvals, wide.cpu()).to(wide.device), "svd on the CPU"


def stable_rank(s_n: torch.Tensor) -> torch.Tensor:
    """Sum s^2 / max s^2, the squared ratio of Frobenius to spectral norm; between 1 and the rank.

    Parameters
    ----------
    s_n : tensor of shape (..., n)
        Singular values.

    Returns
    -------
    tensor of shape (...), float64, dimensionless
        nan where all singular values are zero.

    References
    ----------
    Rudelson and Vershynin, Sampling from large matrices, 2007, section 1 (numerical rank).
    """
    p_n = _shares(s_n) ** 2
    return p_n.sum(-1) / p_n.amax(-1)


def effective_rank(s_n: torch.Tensor) -> torch.Tensor:
    """Exponential exp H(p) of the entropy of p = s / sum s; between 1 and the rank.

    Parameters
    ----------
    s_n : tensor of shape (..., n)
        Singular values.

    Returns
    -------
    tensor of shape (...), float64, dimensionless
        nan where all singular values are zero.

    References
    ----------
    Roy and Vetterli, The effective rank, EUSIPCO 2007, definition 1.
    """
    p_n = _shares(s_n)
    p_n = p_n / p_n.sum(-1, keepdim=True)
    return torch.exp(-torch.special.xlogy(p_n, p_n).sum(-1))


def participation_ratio(s_n: torch.Tensor) -> torch.Tensor:
    """(sum l)^2 / sum l^2 with l = s^2, how many directions share the energy; 1 to the rank.

    Parameters
    ----------
    s_n : tensor of shape (..., n)
        Singular values, not eigenvalues.

    Returns
    -------
    tensor of shape (...), float64, dimensionless
        nan where all singular values are zero.

    References
    ----------
    Gao et al., A theory of multineuronal dimensionality, 2017, equation 5.
    """
    l_n = _shares(s_n) ** 2
    return l_n.sum(-1) ** 2 / (l_n**2).sum(-1)


def _shares(s_n: torch.Tensor) -> torch.Tensor:
    """Divide by the largest, in float64, so that no power of it overflows."""
    wide = s_n.double()
    return wide / wide.amax(-1, keepdim=True)
