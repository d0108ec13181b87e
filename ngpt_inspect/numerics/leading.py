"""The leading eigenvectors of a positive semidefinite matrix, without all of them.

Shapes: n rows and columns, k vectors wanted, b kept beside one another.
"""

from __future__ import annotations

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import one_core_each

EPS = 2.0**-52
SMALL = 128
"""Up to so many rows all eigenvectors cost less than the first steps."""
TOLERANCE = 1e-11
DEGREE = 10
"""Of the polynomial between two looks at the values: (4 / eps)^10 is in the range of float64."""
MOST_LOOKS = 20
"""After so many the values next to the last one wanted lie too close: all vectors are computed."""


def leading_eigenvectors(g_nn: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the k largest eigenvalues, ascending (k,), and orthonormal eigenvectors (n, k).

    Subspace iteration on 2 k vectors, with a Chebyshev polynomial that is small on the values below
    theirs, until |G v - l v| <= 1e-11 l_1: a value is then right to the square of that over the
    gap beside it, or to that.

    Parameters
    ----------
    g_nn : tensor of shape (n, n), float64
        Symmetric, positive semidefinite.
    k : int
        At most n.

    References
    ----------
    Zhou, Saad, Tiago and Chelikowsky, doi 10.1016/j.jcp.2006.03.017, algorithms 3.1 and 4.1.
    """
    n = len(g_nn)
    if n > max(SMALL, 8 * k):
        generator = torch.Generator().manual_seed(0)
        start = torch.randn(n, 2 * k, generator=generator, dtype=torch.float64)
        x_nb = g_nn @ start.to(g_nn)
        for _ in range(MOST_LOOKS):
            q_nb = orthonormal(x_nb)
            image_nb = g_nn @ q_nb
            values_b, turn_bb = one_core_each(torch.linalg.eigh, q_nb.T @ image_nb)
            x_nb, image_nb = q_nb @ turn_bb, image_nb @ turn_bb
            off_b = torch.linalg.vector_norm(image_nb - x_nb * values_b, dim=0)
            if float(off_b[-k:].max()) <= TOLERANCE * float(values_b[-1]):
                return values_b[-k:], x_nb[:, -k:]
            cut = max(float(values_b[0]), EPS * float(values_b[-1]))
            x_nb = _filtered(g_nn, x_nb, image_nb, cut)
    values_n, vectors_nn = one_core_each(torch.linalg.eigh, g_nn)
    return values_n[-k:], vectors_nn[:, -k:]


def above_rounding(values_k: torch.Tensor, n: int) -> int:
    """Return how many of the largest eigenvalues of an (n, n) Gram matrix are above rounding.

    They are (k,), in float64. None is of a matrix of zeros.
    """
    return int((values_k > n * EPS * values_k.amax()).sum())


def orthonormal(x_nb: torch.Tensor) -> torch.Tensor:
    """Return an orthonormal basis of the span of the columns of a matrix, (n, b), n >= b."""
    q_nb: torch.Tensor = one_core_each(torch.linalg.qr, x_nb)[0]
    return q_nb


def _filtered(
    g_nn: torch.Tensor, x_nb: torch.Tensor, image_nb: torch.Tensor, cut: float
) -> torch.Tensor:
    """T_m(2 G / cut - 1) X: at most 1 between 0 and `cut`, and growing fast above."""
    before, now = x_nb, image_nb * (2 / cut) - x_nb
    for _ in range(DEGREE - 1):
        after = torch.addmm(before, g_nn, now, beta=-1, alpha=4 / cut).sub_(now, alpha=2)
        before, now = now, after
    return now
