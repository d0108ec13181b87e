"""How alike the experts of a mixture are, some of them in memory at a time.

Shapes: E experts, P values of one, D the hidden state, k leading directions.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.cores import one_core_each
from ngpt_inspect.numerics.finite import range_exponent, times_power
from ngpt_inspect.numerics.gram import gram_matrix
from ngpt_inspect.numerics.leading import above_rounding, orthonormal
from ngpt_inspect.numerics.spectra import unit_scale

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

HELD = 1 << 28
"""Values of experts that are held at a time."""
PIECE = 1 << 22
"""Values that are widened at a time."""


def pair_cosines(read: Callable[[int], torch.Tensor], count: int) -> torch.Tensor:
    """Cosines of all pairs of E vectors that are read when needed; NaN where one is zero.

    Each is read once where all can be held; else a block is held and those behind it pass by. Sums
    are in float64.

    Parameters
    ----------
    read : callable
        Number of an expert -> its values, (P,), any floating dtype.
    count : int
        E.

    Returns
    -------
    tensor of shape (E, E), float64, symmetric
    """
    import torch

    read = partial(_near_one, read)
    products_EE = torch.zeros(count, count, dtype=torch.float64)
    first = 0
    while first < count:
        block = [read(first)]
        at_once = max(1, HELD // max(1, block[0].numel()))
        last = min(first + at_once, count)
        block += [read(each) for each in range(first + 1, last)]
        for at, x_P in enumerate(block, first):
            for other, y_P in enumerate(block[: at - first + 1], first):
                products_EE[at, other] = products_EE[other, at] = _product(x_P, y_P)
        for other in range(last, count):
            y_P = read(other)
            for at, x_P in enumerate(block, first):
                products_EE[at, other] = products_EE[other, at] = _product(x_P, y_P)
        first = last
    norms_E = products_EE.diagonal().sqrt()
    cosines_EE = products_EE / norms_E.unsqueeze(0) / norms_E.unsqueeze(1)
    return cosines_EE.clamp(-1.0, 1.0)


def _near_one(read: Callable[[int], torch.Tensor], number: int) -> torch.Tensor:
    """Read, times a power of two where squares could leave float64: no cosine sees it."""
    x_P = read(number)
    exponent = range_exponent(x_P) if x_P.dtype.itemsize == 8 else 0
    return times_power(x_P, -exponent) if exponent else x_P


def _product(x_P: torch.Tensor, y_P: torch.Tensor) -> float:
    return sum(
        float(x.double() @ y.double())
        for x, y in zip(x_P.split(PIECE), y_P.split(PIECE), strict=True)
    )


def leading_directions(w_OD: torch.Tensor, k: int) -> torch.Tensor:
    """Orthonormal basis (D, r) of the span of the k leading right singular vectors.

    From the eigenvectors of the Gram matrix of the shorter side; k at most min(O, D). r is k, or
    less where squaring leaves fewer eigenvalues above rounding: 0 of a matrix of zeros.
    """
    import torch

    scale = unit_scale(w_OD)
    upright = w_OD.shape[0] >= w_OD.shape[1]
    gram_nn = gram_matrix(w_OD if upright else w_OD.T, scale)
    values_n, vectors_nn = one_core_each(torch.linalg.eigh, gram_nn)
    rank = above_rounding(values_n[-k:], len(values_n))
    leading_nr = vectors_nn[:, len(values_n) - min(k, rank) :]
    return leading_nr if upright else orthonormal((w_OD.double() * scale).T @ leading_nr)


def span_overlaps(bases_EDk: torch.Tensor) -> torch.Tensor:
    """Mean squared cosine of the principal angles of all pairs of spans, (E, E).

    |P^T Q|_F^2 / k of orthonormal bases P and Q (Bjorck and Golub 1973): 1 for one span,
    k / D between random ones; NaN where a basis is.
    """
    import torch

    products = torch.einsum("edk,fdl->efkl", bases_EDk, bases_EDk)
    found: torch.Tensor = products.square().sum((2, 3)) / bases_EDk.shape[2]
    return found
