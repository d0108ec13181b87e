"""What rounding to the stored dtype may have done to a small singular value.

Shapes: O rows, I columns, O >= I, H stacked matrices (heads), K random directions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.precision import full_products

DEVIATIONS = 2.0
"""Allowance above the mean: a chi variable exceeds sqrt(k) + 2 in under 1 % of cases."""
EVEN = 1.2
"""Where no diagonal of a projector could change the sum over it by more than this factor, an even
one is taken."""
DIRECTIONS = 16
"""Random directions whose projections give the diagonal of a projector elsewhere: the root of the
sum is then off by about 1 / sqrt(2 DIRECTIONS (O - I)), 3 % where O - I = 32."""
BLOCK_ELEMENTS = 1 << 19
"""So few values at once that what is computed of them stays in a processor's cache."""


class Spacing(NamedTuple):
    """How far apart the values of a dtype are: eps 2^floor(log2 |x|) at x."""

    eps: float
    """From 1 to the next value."""
    smallest: float
    """The smallest normal number: nearer to 0 the distance stays what it is there."""


@dataclass(frozen=True)
class StorageRounding:
    """Bounds, in the unit of the matrix, on what rounding does at its smallest singular value."""

    resolution: float
    """What it can make of a sigma_min of zero."""
    along: float
    """What it can add to sigma_min along its own singular vectors, with either sign."""
    across: float
    """What it can add outside the range of the matrix, at right angles to it."""

    def shift(self, sigma_min: float) -> float:
        """Bound on |sigma_min - the sigma_min before rounding|.

        sigma_min^2 = (true + a)^2 + b^2 with |a| <= along and b <= across, so the true one is no
        less than sqrt(sigma_min^2 - across^2) - along, and no more than sigma_min + along.
        """
        share = min(1.0, self.across / sigma_min) if sigma_min else 1.0
        # 1 - sqrt(1 - x^2), without cancellation.
        lost = share**2 / (1 + math.sqrt((1 - share) * (1 + share)))
        return self.along + sigma_min * lost


def rounding_errors(w: torch.Tensor) -> torch.Tensor:
    """Root mean square error tau that rounding to its dtype left in each entry of `w`.

    tau_ij = spacing_ij / sqrt(12), where spacing_ij = eps 2^floor(log2 |w_ij|) is the distance
    between neighbouring values of the dtype at w_ij, never less than between its subnormals: the
    error of rounding to nearest is uniform over one spacing.

    Parameters
    ----------
    w : tensor
        Finite values.

    Returns
    -------
    tensor of the shape of `w`
        In the unit of `w`; float32, or float64 where `w` is.
    """
    powers = _power_of_two_below(w).clamp_min_(torch.finfo(w.dtype).tiny)
    return powers.mul_(_eps(w.dtype) / math.sqrt(12))


@cache
def _eps(dtype: torch.dtype) -> float:
    """From 1 to the next value; not `torch.finfo.eps`, which is half of it for float8_e5m2fnuz."""
    if dtype.itemsize > 1:
        return torch.finfo(dtype).eps
    codes = torch.ones(1).to(dtype).view(torch.uint8) + 1
    return float(codes.view(dtype).float()) - 1


def storage_rounding(
    tall_HOI: torch.Tensor,
    vector_HI: torch.Tensor,
    root_HII: torch.Tensor | None = None,
    *,
    errors_HOI: torch.Tensor | None = None,
    scale: float = 1.0,
) -> list[StorageRounding]:
    """Bound what rounding may have done at the smallest singular value of H matrices.

    Rounding adds E, whose entries are independent with deviations tau_ij. To first order
    (sigma_min(W + E))^2 is |P (W + E) v|^2, with v the right singular vector of sigma_min and P
    the projector on the O - I + 1 directions at right angles to the other left singular vectors:
    a chi variable with mean square sum_i P_ii r_i^2, where r_i^2 = sum_j tau_ij^2 v_j^2, so

    resolution = sqrt(sum_i P_ii r_i^2) (1 + 2 / sqrt(k)).

    A matrix whose rows or columns differ in length is judged by those that its smallest singular
    value is made of. k, the degrees of freedom, is (sum P_ii r_i^2)^2 / sum P_ii r_i^4, at least 1
    and the rank O - I + 1 of P where all r_i are equal. P = u u^T + (I - W (W^T W)^-1 W^T), with
    u = W v / |W v| (`along`) and the complement of the range of W (`across`), which is nothing for
    a square W.

    Weyl's bound, sigma moves by at most |E| ~ tau (sqrt O + sqrt I), is larger than sigma_min of
    every square Gaussian matrix in bfloat16, although that moves by only 10 %.

    Parameters
    ----------
    tall_HOI : tensor of shape (H, O, I), O >= I
        Finite values.
    vector_HI : tensor of shape (H, I), float64
        v, of length 1.
    root_HII : tensor of shape (H, I, I), float64, optional
        Upper triangular R with R^T R = scale^2 W^T W; not needed for square matrices. Where it is
        singular, the complement of the range is taken as spread evenly over the rows.
    errors_HOI : tensor of shape (H, O, I), optional
        tau; `rounding_errors` of the dtype of `tall_HOI` if not given.
    scale : float
        Power of two to multiply W by before it is squared.

    Returns
    -------
    list of H StorageRounding

    Notes
    -----
    Assumes rounding to nearest and singular values that lie further apart than rounding moves
    them. Where the r_i differ so much that it matters, the diagonal of the second projector comes
    from the projections y of `DIRECTIONS` random directions, always the same: E y_i^2 = P_ii.

    References
    ----------
    Stewart, Perturbation theory for the singular value decomposition, 1991, section 4;
    Davidson and Szarek, Local operator theory, random matrices and Banach spaces, 2001,
    theorem 2.13; Satterthwaite, Biometrics Bulletin 2, 1946 (degrees of freedom); Hutchinson,
    Communications in Statistics 18, 1989 (traces from random directions).
    """
    u_HO = direction(_image(tall_HOI, vector_HI.unsqueeze(-1), scale).squeeze(-1))
    r_HO = _row_errors(tall_HOI, vector_HI, errors_HOI)
    unit_H = r_HO.amax(-1).clamp_min(torch.finfo(torch.float64).tiny)
    along_HO, squares_HO = u_HO**2, (r_HO / unit_H.unsqueeze(-1)) ** 2
    across_HO = _outside_range(tall_HOI, root_HII, squares_HO, scale)
    along = _chi_bound(along_HO, squares_HO)
    across = _chi_bound(across_HO, squares_HO)
    both = _chi_bound(along_HO + across_HO, squares_HO)
    bounds_H3 = torch.stack((both, along, across), -1) * unit_H.unsqueeze(-1)
    return [StorageRounding(*bounds) for bounds in bounds_H3.tolist()]


def direction(image_HO: torch.Tensor) -> torch.Tensor:
    """Return unit vectors along images; of one that is zero nothing is known: spread evenly."""
    image_HO = torch.where((image_HO == 0).all(-1, keepdim=True), 1.0, image_HO)
    unit_HO: torch.Tensor = image_HO / torch.linalg.vector_norm(image_HO, dim=-1, keepdim=True)
    return unit_HO


def _chi_bound(weights_HO: torch.Tensor, squares_HO: torch.Tensor) -> torch.Tensor:
    """sqrt(sum p s) (1 + 2 / sqrt(k)) with k = (sum p s)^2 / sum p s^2, at least 1."""
    mean_H = (weights_HO * squares_HO).sum(-1)
    spread_H = (weights_HO * squares_HO**2).sum(-1)
    degrees_H = (mean_H**2 / spread_H).nan_to_num(1.0).clamp_min(1.0)
    return mean_H.sqrt() * (1 + DEVIATIONS / degrees_H.sqrt())


@full_products()
def _row_errors(
    tall_HOI: torch.Tensor, vector_HI: torch.Tensor, errors_HOI: torch.Tensor | None
) -> torch.Tensor:
    """r_i = sqrt(sum_j tau_ij^2 v_j^2) of every row, in float64."""
    parts = []
    for rows in _row_slices(tall_HOI):
        if errors_HOI is None:
            tau = rounding_errors(tall_HOI[:, rows])
        else:
            given = errors_HOI[:, rows]
            tau = given.abs() if given.dtype.itemsize == 8 else given.float().abs()
        peak_HO1 = tau.amax(-1, keepdim=True).clamp_min(torch.finfo(tau.dtype).tiny)
        shares_HO1 = tau.div_(peak_HO1).square_() @ (vector_HI**2).to(tau.dtype).unsqueeze(-1)
        parts.append((peak_HO1.double() * shares_HO1.double().sqrt()).squeeze(-1))
    return torch.cat(parts, dim=1)


def _outside_range(
    tall_HOI: torch.Tensor, root_HII: torch.Tensor | None, squares_HO: torch.Tensor, scale: float
) -> torch.Tensor:
    """Diagonal of I - W (W^T W)^-1 W^T, to be summed over `squares_HO`; its trace is O - I."""
    _, rows, columns = tall_HOI.shape
    diagonal_HO = torch.full_like(squares_HO, (rows - columns) / rows)
    if rows == columns or root_HII is None:
        return diagonal_HO
    # No entry exceeds 1, so the sum lies between those over the smallest and the largest.
    ordered_HO = squares_HO.sort(-1).values
    least_H = ordered_HO[:, : rows - columns].sum(-1)
    most_H = ordered_HO[:, columns:].sum(-1)
    for head in (most_H > EVEN * least_H).nonzero().flatten().tolist():
        one = slice(head, head + 1)
        shares_O = _projected_noise(tall_HOI[one], root_HII[one], scale)[0]
        total = float(shares_O.sum())
        if 0 < total < math.inf:
            diagonal_HO[head] = shares_O * ((rows - columns) / total)
    return diagonal_HO


def _projected_noise(tall_HOI: torch.Tensor, root_HII: torch.Tensor, scale: float) -> torch.Tensor:
    """Sum of squares of random directions outside the range of W: K P_ii on average."""
    generator = torch.Generator().manual_seed(20241001)
    z_OK = torch.randn(tall_HOI.shape[1], DIRECTIONS, generator=generator, dtype=torch.float64)
    z_OK = z_OK.to(tall_HOI.device)
    # W R^-1 has orthonormal columns: with R of a QR factorisation to eps kappa, not its square.
    onto_HIK = _back(tall_HOI, z_OK, scale)
    onto_HIK = torch.linalg.solve_triangular(root_HII.mT, onto_HIK, upper=False)
    onto_HIK = torch.linalg.solve_triangular(root_HII, onto_HIK, upper=True)
    return (z_OK - _image(tall_HOI, onto_HIK, scale)).square().sum(-1)


def _image(tall_HOI: torch.Tensor, x_HIK: torch.Tensor, scale: float) -> torch.Tensor:
    """W x in float64, widened a block of rows at a time."""
    return torch.cat([wide @ x_HIK for _, wide in _wide_blocks(tall_HOI, scale)], dim=1)


def _back(tall_HOI: torch.Tensor, z_OK: torch.Tensor, scale: float) -> torch.Tensor:
    """W^T z, in the same way."""
    parts = [wide.mT @ z_OK[rows] for rows, wide in _wide_blocks(tall_HOI, scale)]
    return torch.stack(parts).sum(0)


def _wide_blocks(tall_HOI: torch.Tensor, scale: float) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield scale W in float64, some rows at a time, in memory that is kept.

    Fresh memory costs several times what is done with it.
    """
    room = torch.empty(0, dtype=torch.float64)
    for rows in _row_slices(tall_HOI):
        block = tall_HOI[:, rows]
        if block.shape != room.shape:
            room = torch.empty_like(block, dtype=torch.float64)
        room.copy_(block)
        yield rows, room if scale == 1.0 else room.mul_(scale)


def _row_slices(tall_HOI: torch.Tensor) -> Iterator[slice]:
    heads, rows, columns = tall_HOI.shape
    step = max(1, BLOCK_ELEMENTS // (heads * columns))
    return (slice(first, first + step) for first in range(0, rows, step))


def _power_of_two_below(w: torch.Tensor) -> torch.Tensor:
    """2^floor(log2 |w|) for every entry, 0 at 0: the value with sign and fraction cleared."""
    if w.dtype == torch.float64:
        return (w.view(torch.int64) & 0x7FF0000000000000).view(torch.float64)
    return (w.float().view(torch.int32) & 0x7F800000).view(torch.float32)
