"""The largest and the smallest singular value, without the spectrum between them.

Shapes: O rows, I columns, O >= I; v_I is a right singular vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import cores, meanwhile
from ngpt_inspect.numerics.gram import gram_matrix
from ngpt_inspect.numerics.lanczos import largest_ritz_pair, value_error
from ngpt_inspect.numerics.operators import (
    Mapped,
    Operator,
    images,
    lu_factors,
    lu_solver,
    normal_product,
    start_directions,
    symmetric_product,
    threads_for,
    triangular_root,
    triangular_solver,
)
from ngpt_inspect.numerics.precision import full_products
from ngpt_inspect.numerics.spectra import singular_values, unit_scale

TOLERANCE = 1e-10
"""Relative error of a squared singular value at which an iteration stops."""
TOP_TOLERANCE = 2e-10
"""The same for the largest, whose square is measured in float64 and certified afterwards. Larger,
an iteration can end before it has seen that another value lies within 1e-7 of this one."""
CERTIFIED = 1e-9
"""Relative error a residual must prove, rounding apart, for the result to stand."""
MAX_VECTORS = 600
"""Of a search, after which the whole spectrum costs less."""
FAR_BLOCK = 6
"""Vectors that go through W at once at the large end, where it is read from memory every time."""
BLOCK = 2
"""Vectors elsewhere: of two values that nearly agree one vector sees only one."""
FAR_ELEMENTS = 1 << 22
"""From so many values on it is: 16 MB of float32."""
EPS = 2.0**-52
ENDS_FROM = 320
"""From so many columns on a few products cost less than a whole spectrum."""


@dataclass(frozen=True)
class Extremes:
    """Both ends of a spectrum and how well they are known."""

    sigma_max: float
    sigma_min: float
    relative_error: float
    """Bound on the relative error of sigma_max / sigma_min, rounding apart; inf where sigma_min is
    only bounded from above, by a pivot below rounding."""
    method: str
    """"lu + lanczos", "cholesky + lanczos" or "qr + lanczos"."""
    vector: torch.Tensor | None = field(default=None, repr=False, compare=False)
    """Right singular vector of sigma_min, shape (I,); None where a pivot stands for it."""
    root: torch.Tensor | None = field(default=None, repr=False, compare=False)
    """Of a tall matrix upper triangular R with R^T R = scale^2 W^T W, shape (I, I)."""


def extreme_singular_values(w_OI: torch.Tensor, scale: float = 1.0) -> Extremes | None:
    """Both ends of the spectrum by one factorisation and a Lanczos iteration on each end.

    sigma_max comes from Lanczos on W^T W, sigma_min from Lanczos on its inverse, applied by
    triangular solves: with the LU factors of a square W (nothing is squared), with the Cholesky
    factor of the float64 Gram matrix of a tall one, and with its QR factor where that is not
    enough. Each value is measured on W itself, as |W v|, and stands only if a residual proves its
    digits: of W^T W at the top; of the inverse at the bottom, where the reading on W must also
    agree with the one through the factors.

    Parameters
    ----------
    w_OI : tensor of shape (O, I), O >= I
        Any floating dtype, finite.
    scale : float
        Power of two to multiply by first.

    Returns
    -------
    Extremes or None
        None where the residuals do not prove the digits; take the full decomposition then.

    References
    ----------
    Parlett, The Symmetric Eigenvalue Problem, 1998, chapters 11 and 13.
    """
    if w_OI.shape[0] == w_OI.shape[1]:
        return _square(w_OI, scale)
    return _tall(w_OI, scale)


def _square(w_II: torch.Tensor, scale: float) -> Extremes | None:

    values = w_II if scale == 1.0 else w_II.double() * scale
    lu, pivots = lu_factors(values)
    top, bottom = meanwhile(
        partial(_top_of, values), partial(_bottom_end, values, lu_solver(lu, pivots))
    )
    if top is None:
        return None
    # |L| <= n under partial pivoting, so sigma_min <= n times the smallest pivot of U.
    pivot = len(lu) * float(lu.diagonal().abs().min())
    if pivot <= len(lu) * EPS * top[0]:
        return _singular(top, pivot, scale, "lu + lanczos")
    return _joined(values, top, bottom, scale, "lu + lanczos")


def _tall(w_OI: torch.Tensor, scale: float) -> Extremes | None:
    g_II = gram_matrix(w_OI, scale)
    rows = w_OI if scale == 1.0 else w_OI.double() * scale
    lower, failed = torch.linalg.cholesky_ex(g_II)
    top, bottom = meanwhile(
        partial(_top_end, rows, partial(symmetric_product, g_II), g_II),
        lambda: None if int(failed) else _bottom_end(rows, triangular_solver(lower.T)),
    )
    if top is None:
        return None
    found = _joined(rows, top, bottom, scale, "cholesky + lanczos")
    if found is not None and found.relative_error <= CERTIFIED:
        return replace(found, root=lower.T)
    r_II = triangular_root(rows.double())
    # The inverse of R has 1 / r_ii on its diagonal, so sigma_min <= min |r_ii|.
    pivot = float(r_II.diagonal().abs().min())
    if pivot <= len(w_OI) * EPS * top[0]:
        return _singular(top, pivot, scale, "qr + lanczos")
    bottom = _bottom_end(rows, triangular_solver(r_II))
    found = _joined(rows, top, bottom, scale, "qr + lanczos")
    return None if found is None else replace(found, root=r_II)


def _is_far(w: torch.Tensor) -> bool:
    """Whether a matrix is read from memory every time, as no cache near a core holds it."""
    return w.numel() >= FAR_ELEMENTS


def spectral_norm(w_OI: torch.Tensor) -> float:
    """Largest singular value, by Lanczos alone where that costs less than the whole spectrum.

    Parameters
    ----------
    w_OI : tensor of shape (O, I)
        Any floating dtype.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    """
    scale = unit_scale(w_OI)
    tall = w_OI if w_OI.shape[0] >= w_OI.shape[1] else w_OI.T
    if tall.shape[1] >= ENDS_FROM:
        top = _top_of(tall if scale == 1.0 else tall.double() * scale)
        if top is not None:
            return top[0] / scale
    return float(singular_values(tall)[0])


def _singular(top: tuple[float, float], bound: float, scale: float, method: str) -> Extremes:
    """Give the result where a pivot proves sigma_min to be rounding: the bound stands for it."""
    return Extremes(top[0] / scale, bound / scale, math.inf, method)


@full_products()
def _top_of(w_OI: torch.Tensor) -> tuple[float, float] | None:
    """sigma_max as `_top_end` gives it, from products with W itself."""
    # Single precision only guides the search; the value is measured in float64.
    top = _top_end(w_OI, partial(normal_product, w_OI.float()), w_OI.float())
    return top or _top_end(w_OI, partial(normal_product, w_OI.double()), w_OI.double())


def _top_end(
    w_OI: torch.Tensor, product: Callable[[Mapped], Operator], guide: torch.Tensor
) -> tuple[float, float] | None:
    """sigma_max and a bound on its relative error, or None where the bound is not met.

    `product` multiplies by W^T W by way of `guide`, in its precision.
    """
    block = FAR_BLOCK if _is_far(guide) else BLOCK
    start_bI = start_directions(w_OI, guide.dtype, block)
    try:
        with threads_for(guide) as mapped:
            pair = largest_ritz_pair(
                product(mapped), start_bI, tolerance=TOP_TOLERANCE, max_steps=MAX_VECTORS // block
            )
    except FloatingPointError:  # squares beyond the guide's range
        return None
    square, residual = _measured(w_OI, pair.vector.double())
    if square == 0.0:
        return 0.0, 0.0
    # The guide's runner-up carries the guide's rounding.
    noise = 1e-6 if guide.dtype.itemsize < 8 else 1e-13
    runner_up = pair.runner_up * (1 + noise)
    error = value_error(square, residual, runner_up) / square / 2
    return (square**0.5, error) if error <= CERTIFIED / 4 else None


def _bottom_end(w_OI: torch.Tensor, inverse: Operator) -> tuple[float, float, torch.Tensor] | None:
    """sigma_min, a bound on its relative error and its vector, from Lanczos on the inverse."""
    start_bI = start_directions(w_OI, torch.float64, BLOCK)
    try:
        with cores(1):  # a triangular solve of one vector has nothing to share
            pair = largest_ritz_pair(
                inverse, start_bI, tolerance=TOLERANCE, max_steps=MAX_VECTORS // BLOCK
            )
            # One more solve: W v would magnify what is left in v of large singular directions.
            vector_I = inverse(pair.vector.unsqueeze(0))[0]
    except FloatingPointError:
        return None
    vector_I = vector_I / torch.linalg.vector_norm(vector_I)
    square, _ = _measured(w_OI, vector_I)
    if square == 0.0:
        return 0.0, 0.0, vector_I
    krylov = value_error(pair.value, pair.residual, pair.runner_up) / pair.value / 2
    # Two independent readings of the same value: on W, and through the factors.
    disagreement = abs(square**0.5 - pair.value**-0.5) / square**0.5
    return square**0.5, krylov + disagreement, vector_I


def _joined(
    w_OI: torch.Tensor,
    top: tuple[float, float],
    bottom: tuple[float, float, torch.Tensor] | None,
    scale: float,
    method: str,
) -> Extremes | None:
    """Join both ends, or give None where there is no other or its digits are not proved."""
    if bottom is None:
        return None
    smallest, error, vector_I = bottom
    found = Extremes(top[0] / scale, smallest / scale, top[1] + error, method, vector_I)
    # |W v| is an upper bound on sigma_min, so a value this small needs no other proof.
    if smallest <= len(w_OI) * EPS * top[0]:
        return found
    rounding = math.sqrt(len(w_OI)) * EPS * top[0] / smallest
    return found if found.relative_error <= CERTIFIED + rounding else None


def _measured(w_OI: torch.Tensor, v_I: torch.Tensor) -> tuple[float, float]:
    """|W v|^2 and the residual |W^T W v - |W v|^2 v|, in float64 on the stored values."""
    v_I = v_I / torch.linalg.vector_norm(v_I)
    with threads_for(w_OI) as mapped:
        image_O, back_I = images(w_OI, v_I, mapped)
    square = float(image_O @ image_O)
    return square, float(torch.linalg.vector_norm(back_I - square * v_I))
