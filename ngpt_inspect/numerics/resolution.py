"""What the stored dtype leaves of a small singular value.

Shapes: O rows, I columns.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.finite import row_blocks

if TYPE_CHECKING:
    import torch

DEVIATIONS = 2.0
"""Allowance above the mean: a chi variable exceeds sqrt(k) + 2 in under 1 % of cases."""


def rounding_error(w: torch.Tensor, stored_dtype: torch.dtype | None = None) -> float:
    """Root mean square error tau that rounding to `stored_dtype` left in an entry of `w`.

    tau^2 = mean(spacing_ij^2) / 12, where spacing_ij = eps 2^floor(log2 |w_ij|) is the distance
    between neighbouring values of the dtype at w_ij, never less than between its subnormals: the
    error of rounding to nearest is uniform over one spacing.

    Parameters
    ----------
    w : tensor
        Finite values, in any dtype that holds them.
    stored_dtype : torch.dtype, optional
        What the values were rounded to; the dtype of `w` if not given.

    Returns
    -------
    float
        In the unit of `w`.
    """
    import torch

    stored = torch.finfo(stored_dtype or w.dtype)
    total = 0.0
    for block in row_blocks(w):
        powers = power_of_two_below(block, stored_dtype or w.dtype)
        peak = float(powers.max())  # a power of two: dividing by it is exact
        norms = torch.linalg.vector_norm(powers.div_(peak), dim=-1)
        total = math.hypot(total, peak * float(torch.linalg.vector_norm(norms.double())))
    return float(stored.eps) * total / math.sqrt(12 * w.numel())


def storage_resolution(
    w_OI: torch.Tensor,
    stored_dtype: torch.dtype | None = None,
    relative_rounding: float | None = None,
) -> float:
    """How large sigma_min can come out of storage when it was zero before rounding.

    resolution = tau (sqrt(|O - I| + 1) + 2), with tau of `rounding_error`. Rounding adds E, whose
    entries are independent with deviation tau. If W v = 0 for a unit v, then
    sigma_min(W + E) is to first order the norm of E v outside the range of W, which has
    |O - I| + 1 dimensions: tau times a chi variable of as many degrees of freedom. A sigma_min at
    or below the resolution thus cannot be told from zero; one far above it moved by about tau, and
    by no more than the resolution.

    The worst-case bound of Weyl, sigma moves by at most |E| ~ tau (sqrt O + sqrt I), is larger than
    sigma_min of every square Gaussian matrix in bfloat16, although that moves by only 10 %.

    Parameters
    ----------
    w_OI : tensor of shape (O, I) or (H, O, I)
        Finite values.
    stored_dtype : torch.dtype, optional
        What the values were rounded to; the dtype of `w_OI` if not given.
    relative_rounding : float, optional
        Root mean square rounding error over root mean square value, where the values come from
        a quantisation and no dtype tells: tau is then that share of the entries of `w_OI`.

    Returns
    -------
    float
        In the unit of `w_OI`; for a stack, of its entries as a whole.

    Notes
    -----
    Assumes rounding to nearest and singular vectors that are spread over the coordinates.

    References
    ----------
    Stewart, Perturbation theory for the singular value decomposition, 1991, section 4;
    Davidson and Szarek, Local operator theory, random matrices and Banach spaces, 2001,
    theorem 2.13.
    """
    degrees = abs(w_OI.shape[-2] - w_OI.shape[-1]) + 1
    if relative_rounding is None:
        tau = rounding_error(w_OI, stored_dtype)
    else:
        tau = relative_rounding * root_mean_square(w_OI)
    return tau * (math.sqrt(degrees) + DEVIATIONS)


def root_mean_square(w: torch.Tensor) -> float:
    """Root mean square of all entries, in the unit of `w`, without overflow."""
    import torch

    total = 0.0
    for block in row_blocks(w):
        wide = block.double()
        total = math.hypot(total, float(torch.linalg.vector_norm(wide)))
    return total / math.sqrt(w.numel())


def power_of_two_below(
    block: torch.Tensor, stored_dtype: torch.dtype | None = None
) -> torch.Tensor:
    """2^floor(log2 |w|) for every entry: the value with sign and fraction cleared.

    Never below the smallest normal number of `stored_dtype`, the dtype of `block` if not given:
    eps times this is the spacing of the dtype there.
    """
    import torch

    if block.dtype == torch.float64:
        powers = (block.contiguous().view(torch.int64) & 0x7FF0000000000000).view(torch.float64)
    else:
        bits = block.float().contiguous().view(torch.int32)
        powers = (bits & 0x7F800000).view(torch.float32)
    return powers.clamp_min_(torch.finfo(stored_dtype or block.dtype).tiny)
