import math

import pytest
import torch
from tolerances import rounding

from ngpt_inspect.numerics.lanczos import largest_ritz_pair
from ngpt_inspect.numerics.refined import refined_smallest

TOLERANCE = 1e-9


def searched(w, inverse):
    start = torch.ones(1, len(w), dtype=w.dtype)
    guess = largest_ritz_pair(lambda x: x @ inverse, start, tolerance=1e-10, max_steps=100)
    return refined_smallest(
        guess, lambda x: x @ inverse, lambda v: (w @ v, w.T @ (w @ v)), TOLERANCE
    )


def refined(w, noise):
    """By an inverse of W^T W that is off by this much, relative to what it should be."""
    _, s_n, vh = torch.linalg.svd(w)
    generator = torch.Generator().manual_seed(0)
    off = torch.randn(w.shape, generator=generator, dtype=w.dtype)
    off = noise * (off + off.T) / (8 * len(w)) ** 0.5
    root = vh.T / s_n
    return searched(w, root @ (torch.eye(len(w)) + off) @ root.T), float(s_n[-1])


@pytest.mark.parametrize("noise", [0.0, 1e-8, 1e-5, 1e-3, 0.03, 0.3])
@pytest.mark.parametrize("kappa", [1e1, 1e3, 1e5])
def test_the_stated_error_covers_the_true_one(with_spectrum, noise, kappa):
    s_n = torch.logspace(0, -math.log10(kappa), 60, dtype=torch.float64)
    s_n[-1] = s_n[-1] / 2
    w = with_spectrum(60, 60, s_n)
    found, smallest = refined(w, noise)
    assert found is not None or noise > 0.01
    if found is not None:
        sigma, error, vector = found
        slack = rounding(60, kappa)
        assert error <= TOLERANCE
        assert abs(sigma / smallest - 1) <= error + slack
        assert float(torch.linalg.vector_norm(w @ vector)) == pytest.approx(sigma, rel=slack)


def test_an_inverse_of_another_matrix_proves_nothing(with_spectrum):
    w = with_spectrum(60, 60, torch.logspace(0, -3, 60, dtype=torch.float64))
    other = with_spectrum(60, 60, torch.logspace(0, -2, 60, dtype=torch.float64), seed=5)
    assert searched(w, torch.linalg.inv(other.T @ other)) is None
