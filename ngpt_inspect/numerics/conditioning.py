"""Condition numbers, with what is known about their last digits.

Shapes: O rows, I columns, H stacked matrices (heads).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ngpt_inspect.numerics.extremes import EPS, Extremes, extreme_singular_values
from ngpt_inspect.numerics.resolution import storage_resolution
from ngpt_inspect.numerics.spectra import spectrum, unit_scale

if TYPE_CHECKING:
    import torch

Status = Literal["ok", "rank_deficient", "below_resolution"]

ENDS_FROM = {"square": 320, "tall": 640}
"""From so many columns on the two ends of a spectrum cost less than the whole."""
TRUSTED = 0.01
"""A relative error above this is never reported as "ok"."""


@dataclass(frozen=True)
class Conditioning:
    """The condition number of one matrix and how far to trust it."""

    sigma_max: float
    """Largest singular value."""
    sigma_min: float
    """Smallest of the min(O, I) singular values."""
    kappa: float
    """sigma_max / sigma_min; inf when the status is "rank_deficient"."""
    status: Status
    """"ok"; "rank_deficient" when sigma_min <= max(O, I) 2^-52 sigma_max; "below_resolution" when
    sigma_min is no more than `resolution`, or `relative_error` exceeds 1 %."""
    method: str
    """The route that gave the values, such as "gram", "svd", "lu + lanczos"."""
    relative_error: float
    """Error of kappa as a computation on the stored values: a residual where there is one, and an
    estimate of rounding."""
    resolution: float
    """What storage rounding alone can make of a sigma_min of zero (`storage_resolution`)."""

    @property
    def storage_uncertainty(self) -> float:
        """Bound resolution / sigma_min on the relative change of kappa by storage rounding."""
        return self.resolution / self.sigma_min if self.sigma_min else math.inf


def condition_number(
    w_OI: torch.Tensor,
    *,
    stored_dtype: torch.dtype | None = None,
    relative_rounding: float | None = None,
) -> Conditioning:
    """Ratio kappa = sigma_max / sigma_min over min(O, I) singular values, in float64.

    Large matrices take one factorisation and two Lanczos iterations whose residuals prove the
    digits; what they do not prove, and small matrices, take the whole spectrum.

    Parameters
    ----------
    w_OI : tensor of shape (O, I)
        Any floating dtype, on any device.
    stored_dtype : torch.dtype, optional
        The dtype the values had on disk, if `w_OI` is wider.
    relative_rounding : float, optional
        What a quantisation left of them; see `storage_resolution`.

    Returns
    -------
    Conditioning
        Dimensionless kappa; inf when rank deficient.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    ValueError
        If `w_OI` is not a non-empty matrix.

    References
    ----------
    nGPT, arXiv 2410.01131, figure 5.
    """
    if w_OI.dim() != 2:
        msg = f"expected a matrix, got shape {tuple(w_OI.shape)}"
        raise ValueError(msg)
    scale = unit_scale(w_OI)
    resolution = storage_resolution(w_OI, stored_dtype, relative_rounding)
    tall = w_OI if w_OI.shape[0] >= w_OI.shape[1] else w_OI.T
    if tall.shape[1] >= ENDS_FROM["square" if tall.shape[0] == tall.shape[1] else "tall"]:
        found = extreme_singular_values(tall, scale)
        if found is not None:
            return _judged(found, max(w_OI.shape), resolution)
    return condition_numbers(
        w_OI.unsqueeze(0), stored_dtype=stored_dtype, relative_rounding=relative_rounding
    )[0]


def condition_numbers(
    w_HOI: torch.Tensor,
    *,
    stored_dtype: torch.dtype | None = None,
    relative_rounding: float | None = None,
) -> tuple[Conditioning, ...]:
    """`condition_number` of H matrices of one shape, such as all heads, in one batched call.

    Parameters
    ----------
    w_HOI : tensor of shape (H, O, I)
        Any floating dtype, on any device.
    stored_dtype : torch.dtype, optional
        The dtype the values had on disk, if `w_HOI` is wider.
    relative_rounding : float, optional
        What a quantisation left of them; see `storage_resolution`.

    Returns
    -------
    tuple of H Conditioning

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    ValueError
        If `w_HOI` is not a non-empty stack of matrices.
    """
    if w_HOI.dim() != 3:
        msg = f"expected a stack of matrices, got shape {tuple(w_HOI.shape)}"
        raise ValueError(msg)
    values_Hn, methods = spectrum(w_HOI)
    longest = max(w_HOI.shape[1:])
    judged = []
    for w_OI, largest, smallest, method in zip(
        w_HOI, values_Hn[:, 0].tolist(), values_Hn[:, -1].tolist(), methods, strict=True
    ):
        squaring = EPS * (largest / smallest) ** 2 if method == "gram" else 0.0
        found = Extremes(largest, smallest, squaring, method)
        judged.append(
            _judged(found, longest, storage_resolution(w_OI, stored_dtype, relative_rounding))
        )
    return tuple(judged)


def _judged(found: Extremes, longest: int, resolution: float) -> Conditioning:
    largest, smallest = found.sigma_max, found.sigma_min
    kappa = largest / smallest if smallest else math.inf
    error = found.relative_error + EPS * math.sqrt(longest) * kappa
    status: Status = "ok"
    if smallest <= longest * EPS * largest:
        status, kappa = "rank_deficient", math.inf
    elif smallest <= resolution or error > TRUSTED:
        status = "below_resolution"
    return Conditioning(largest, smallest, kappa, status, found.method, error, resolution)
