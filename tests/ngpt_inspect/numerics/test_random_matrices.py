"""Baselines against drawn matrices: a random one comes out as 1 within the sampling spread."""

import math

import pytest
import torch
from scipy.integrate import quad

from ngpt_inspect.numerics import spectra
from ngpt_inspect.numerics.random_matrices import baseline

N_DRAWS = 400
FIVE = 5 * math.sqrt(0.25 / N_DRAWS)
"""Five deviations of the share of draws that lie below their median."""
SHAPES = [(96, 24), (24, 96), (80, 60), (40, 40)]


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[int, int], torch.Tensor]:
    """Return the singular values of `N_DRAWS` matrices of each shape."""
    generator = torch.Generator().manual_seed(5)
    return {
        shape: torch.linalg.svdvals(
            torch.randn(N_DRAWS, *shape, generator=generator, dtype=torch.float64)
        )
        for shape in SHAPES
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_half_of_all_random_matrices_lie_below_the_median_kappa(shape, drawn) -> None:
    s_Hn, expected = drawn[shape], baseline(*shape)
    below = float((s_Hn[:, 0] / s_Hn[:, -1] < expected.kappa).double().mean())
    # Of finite sizes the Tracy-Widom ends leave a few hundredths.
    assert abs(below - 0.5) < FIVE + 0.15


@pytest.mark.parametrize("shape", SHAPES)
def test_ranks_and_edges_are_those_of_random_matrices(shape, drawn) -> None:
    s_Hn, expected = drawn[shape], baseline(*shape)
    effective = spectra.effective_rank(s_Hn) / expected.effective_rank
    stable = spectra.stable_rank(s_Hn) / expected.stable_rank
    # Corrections to both are of the order 1 / n, the spread of a mean is far below.
    assert float(effective.mean()) == pytest.approx(1, abs=1 / min(shape))
    assert float(stable.median()) == pytest.approx(1, abs=1.5 / min(shape))
    outside = (s_Hn > expected.upper) | (s_Hn < expected.lower)
    # 1 % at each edge: 8 draws of 400 with a deviation of 2.8.
    assert float(outside.any(1).double().sum()) < 8 + 5 * 2.8


def test_the_law_of_square_matrices(drawn) -> None:
    """9 of 10 condition numbers lie between 0.33 and 11 times the median."""
    s_Hn = drawn[40, 40]
    ratio = s_Hn[:, 0] / s_Hn[:, -1] / baseline(40, 40).kappa
    inside = float(((ratio > 0.33) & (ratio < 10.9)).double().mean())
    assert abs(inside - 0.9) < 5 * math.sqrt(0.09 / N_DRAWS)


def test_the_limit_of_long_matrices_is_the_known_one() -> None:
    for n, factor in ((10**4, 16), (10**6, 4)):
        r = factor**-0.5
        limit = (1 + r) / (1 - r)
        assert baseline(n * factor, n).kappa == pytest.approx(limit, rel=0.01)
        assert baseline(n * factor, n).kappa < limit
    # The entropy of equal values is all there is.
    assert baseline(10**9, 4).effective_rank == pytest.approx(4, rel=1e-6)


def test_a_single_row_has_one_value() -> None:
    assert baseline(1, 30) == baseline(30, 1)
    assert baseline(30, 1).kappa == baseline(30, 1).effective_rank == 1


def test_the_effective_rank_of_square_matrices_is_exact() -> None:
    """By adaptive integration over the quarter circle, s = 2 cos t."""

    def mean(of) -> float:
        weighted = quad(lambda t: of(2 * math.cos(t)) * math.sin(t) ** 2, 0, math.pi / 2)
        return weighted[0] * 4 / math.pi

    length = mean(lambda s: s)
    share = length * math.exp(-mean(lambda s: s * math.log(s)) / length)
    assert baseline(512, 512).effective_rank / 512 == pytest.approx(share, rel=1e-10)
