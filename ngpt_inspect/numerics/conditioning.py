"""Condition numbers, with what is known about their last digits.

Shapes: O rows, I columns, H stacked matrices (heads).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.extremes import EPS, Extremes, extreme_singular_values
from ngpt_inspect.numerics.lowest import lowest_vectors
from ngpt_inspect.numerics.resolution import StorageRounding, storage_rounding
from ngpt_inspect.numerics.spectra import Spectra, spectra, unit_scale

Status = Literal["ok", "rank_deficient", "below_resolution"]

ENDS_FROM = {"square": 320, "tall": 640}
"""From so many columns on the two ends of a spectrum cost less than the whole."""
TRUSTED = 0.01
"""A relative error above this is never reported as "ok"."""
MAY_MOVE = 1 / 3
"""Storage rounding that may have moved sigma_min by a larger share is never reported as "ok": the
kappa of what was rounded then lies between 3/4 and 3/2 of the one that is reported."""


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
    storage rounding may have moved sigma_min by more than a third (`storage_uncertainty`), or
    `relative_error` exceeds 1 %."""
    method: str
    """The route that gave the values, such as "gram", "svd", "lu + lanczos"."""
    relative_error: float
    """Error of kappa as a computation on the stored values: a residual where there is one, and an
    estimate of rounding."""
    resolution: float
    """What storage rounding alone can make of a sigma_min of zero (`storage_rounding`)."""
    shift: float
    """Bound on how far storage rounding moved sigma_min (`StorageRounding.shift`)."""

    @property
    def storage_uncertainty(self) -> float:
        """Bound x = shift / sigma_min: kappa was from 1 / (1 + x) to 1 / (1 - x) times this."""
        return self.shift / self.sigma_min if self.sigma_min else math.inf


def condition_number(
    w_OI: torch.Tensor,
    *,
    errors_OI: torch.Tensor | None = None,
) -> Conditioning:
    """Ratio kappa = sigma_max / sigma_min over min(O, I) singular values, in float64.

    Large matrices take one factorisation and two Lanczos iterations whose residuals prove the
    digits; what they do not prove, and small matrices, take the whole spectrum.

    Parameters
    ----------
    w_OI : tensor of shape (O, I)
        Any floating dtype, on any device.
    errors_OI : tensor of shape (O, I), optional
        Root mean square error that storage left in each entry; that of rounding to the dtype of
        `w_OI` if not given (`rounding_errors`).

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
    w_OI = w_OI.detach()
    scale = unit_scale(w_OI)
    wide = w_OI.shape[0] < w_OI.shape[1]
    tall = w_OI.T if wide else w_OI
    if tall.shape[1] >= ENDS_FROM["square" if tall.shape[0] == tall.shape[1] else "tall"]:
        found = extreme_singular_values(tall, scale)
        if found is not None:
            errors = errors_OI.T if wide and errors_OI is not None else errors_OI
            return judged(found, len(tall), _rounding_of(found, tall, errors, scale))
    return condition_numbers(
        w_OI.unsqueeze(0), errors_HOI=None if errors_OI is None else errors_OI.unsqueeze(0)
    )[0]


def condition_numbers(
    w_HOI: torch.Tensor,
    *,
    errors_HOI: torch.Tensor | None = None,
    known: Spectra | None = None,
) -> tuple[Conditioning, ...]:
    """`condition_number` of H matrices of one shape, such as all heads, in one batched call.

    Parameters
    ----------
    w_HOI : tensor of shape (H, O, I)
        Any floating dtype, on any device.
    errors_HOI : tensor of shape (H, O, I), optional
        Root mean square error that storage left in each entry; that of rounding to the dtype of
        `w_HOI` if not given (`rounding_errors`).
    known : Spectra, optional
        What `spectra` gives of these matrices with their `unit_scale`, where it is known.

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
    scale = unit_scale(w_HOI)
    wide = w_HOI.shape[1] < w_HOI.shape[2]
    tall = w_HOI.mT if wide else w_HOI
    errors = errors_HOI.mT if wide and errors_HOI is not None else errors_HOI
    found = spectra(tall, scale) if known is None else known
    vectors_HI, roots_HII = lowest_vectors(tall, found, scale)
    roundings = storage_rounding(tall, vectors_HI, roots_HII, errors_HOI=errors, scale=scale)
    conditionings = []
    for (largest, smallest), method, rounding in zip(
        found.values_Hn[:, [0, -1]].tolist(), found.methods, roundings, strict=True
    ):
        squaring = EPS * (largest / smallest) ** 2 if method == "gram" else 0.0
        ends = Extremes(largest, smallest, squaring, method)
        conditionings.append(judged(ends, tall.shape[1], rounding))
    return tuple(conditionings)


def _rounding_of(
    found: Extremes, tall_OI: torch.Tensor, errors_OI: torch.Tensor | None, scale: float
) -> StorageRounding:
    vector_I, columns = found.vector, tall_OI.shape[1]
    if vector_I is None:  # a pivot says zero; the vector is taken as spread evenly
        vector_I = torch.full((columns,), columns**-0.5, dtype=torch.float64).to(tall_OI.device)
    return storage_rounding(
        tall_OI.unsqueeze(0),
        vector_I.unsqueeze(0),
        None if found.root is None else found.root.unsqueeze(0),
        errors_HOI=None if errors_OI is None else errors_OI.unsqueeze(0),
        scale=scale,
    )[0]


def judged(
    found: Extremes, longest: int, rounding: StorageRounding, *, magnitude: float = 0.0
) -> Conditioning:
    """Say how far both ends of a spectrum can be trusted.

    `longest` is the longer side. `magnitude` is the norm of what was rounded on the way, where that
    can be larger than sigma_max: of a product, that of its factors.
    """
    largest, smallest = found.sigma_max, found.sigma_min
    kappa = largest / smallest if smallest else math.inf
    magnitude = max(magnitude, largest)
    error = found.relative_error
    error += EPS * math.sqrt(longest) * (magnitude / smallest if smallest else math.inf)
    shift = rounding.shift(smallest)
    status: Status = "ok"
    if smallest <= longest * EPS * magnitude:
        status, kappa = "rank_deficient", math.inf
    elif shift > MAY_MOVE * smallest or error > TRUSTED:
        status = "below_resolution"
    return Conditioning(
        largest, smallest, kappa, status, found.method, error, rounding.resolution, shift
    )
