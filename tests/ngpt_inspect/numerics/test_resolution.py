import math

import numpy as np
import pytest
import torch
from draws import normal
from tolerances import rounding

from ngpt_inspect.numerics.lowest import lowest_vectors
from ngpt_inspect.numerics.resolution import StorageRounding, rounding_errors, storage_rounding
from ngpt_inspect.numerics.spectra import spectra

DTYPES = [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float32]


def of(w, errors=None, scale=1.0):
    """The storage rounding of one matrix, wide or tall."""
    tall = w if w.shape[0] >= w.shape[1] else w.T
    stack = tall.unsqueeze(0)
    vectors, roots = lowest_vectors(stack, spectra(stack, scale), scale)
    errors = None if errors is None else errors.unsqueeze(0)
    return storage_rounding(stack, vectors, roots, errors_HOI=errors, scale=scale)[0]


def by_definition(w, tau):
    """sqrt(sum_ij P_ii tau_ij^2 v_j^2) (1 + 2 / sqrt(k)) from the whole decomposition, O >= I."""
    u, _, vh = np.linalg.svd(w)
    others = u[:, : w.shape[1] - 1]
    p = 1 - (others**2).sum(1)
    r2 = tau**2 @ vh[-1] ** 2
    degrees = max(1.0, (p @ r2) ** 2 / (p @ r2**2))
    return math.sqrt(p @ r2) * (1 + 2 / math.sqrt(degrees))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0.02, 1.0])
def test_errors_are_what_rounding_does(dtype, size):
    w = normal(300, 300) * size
    stored = w.to(dtype)
    actual = float((stored.double() - w).square().mean().sqrt())
    errors = rounding_errors(stored).double()
    assert float(errors.square().mean().sqrt()) == pytest.approx(actual, rel=0.05)


def test_errors_by_hand():
    w = torch.tensor([1.0, -1.5, 4.0, 0.0]).bfloat16()
    spacings = torch.tensor([2.0**-7, 2.0**-7, 2.0**-5, 2.0**-133])
    torch.testing.assert_close(rounding_errors(w), spacings / math.sqrt(12), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz"])
def test_errors_of_eight_bits_are_those_of_the_next_code(name):
    one = torch.ones(1).to(getattr(torch, f"float8_{name}"))
    after = (one.view(torch.uint8) + 1).view(one.dtype).float()
    torch.testing.assert_close(rounding_errors(one), (after - 1) / math.sqrt(12))


def test_subnormals_keep_their_spacing():
    w = torch.full((2, 2), 2.0**-24, dtype=torch.float16)
    expected = 2.0**-24 / math.sqrt(12)
    assert rounding_errors(w)[0, 0].item() == pytest.approx(expected, rel=1e-6)


CASES = {
    "tall": normal(96, 24),
    "square": normal(48, 48),
    "one row more": normal(41, 40),
    "graded columns": normal(96, 24) * torch.logspace(0, -5, 24),
    "graded rows": normal(96, 24) * torch.logspace(0, -3, 96).unsqueeze(1),
    "an outlying row": normal(96, 24) * torch.tensor([300.0] + [1.0] * 95).unsqueeze(1),
    "kappa 1e8": normal(96, 24) * torch.logspace(0, -8, 24),
    "one column": normal(30, 1),
    "one number": normal(1, 1),
}


@pytest.mark.parametrize("w", CASES.values(), ids=CASES)
def test_resolution_is_that_of_the_whole_decomposition(w):
    """Within what sixteen random directions leave open where there are few degrees of freedom."""
    stored = w.bfloat16()
    expected = by_definition(stored.double().numpy(), rounding_errors(stored).double().numpy())
    assert of(stored).resolution == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(48, 48), (96, 24), (24, 96)])
def test_covers_what_storage_makes_of_a_singular_matrix(dtype, shape):
    """The definition: sigma_min 0 before rounding comes out at or below the resolution."""
    covered, ratios = 0, []
    for seed in range(40):
        u, s_n, vh = torch.linalg.svd(normal(*shape, seed=seed), full_matrices=False)
        s_n[-1] = 0
        stored = ((u * s_n) @ vh).to(dtype)
        ratios.append(float(torch.linalg.svdvals(stored.double())[-1]) / of(stored).resolution)
        covered += ratios[-1] <= 1
    assert covered >= 38
    # And it is no larger than it has to be.
    assert max(ratios) > 0.4


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("graded", [0, 3])
def test_shift_covers_the_change_of_sigma_min(dtype, graded):
    covered, ratios = 0, []
    for seed in range(40):
        w = normal(64, 64, seed=seed) * torch.logspace(0, -graded, 64).unsqueeze(1)
        stored = (w * 64).to(dtype)
        true, found = (float(torch.linalg.svdvals(x.double())[-1]) for x in (w * 64, stored))
        ratios.append(abs(found - true) / of(stored).shift(found))
        covered += ratios[-1] <= 1
    assert covered >= 38
    assert max(ratios) > 0.4


def test_shift_by_hand():
    assert StorageRounding(0.0, along=0.5, across=0.0).shift(2.0) == 0.5
    assert StorageRounding(0.0, along=0.5, across=3.0).shift(5.0) == pytest.approx(0.5 + 5 - 4)
    assert StorageRounding(0.0, along=0.5, across=3.0).shift(2.0) == 0.5 + 2.0
    assert StorageRounding(0.0, along=0.5, across=3.0).shift(0.0) == 0.5


def test_errors_that_are_given_take_the_place_of_the_dtypes():
    w = normal(60, 20)
    even = of(w, torch.full_like(w, 0.01))
    assert even.along == pytest.approx(0.03, rel=rounding(60 * 20, dtype=torch.float32))
    across = 0.01 * (math.sqrt(40) + 2)
    assert even.across == pytest.approx(across, rel=0.1)
    twice = of(w, torch.full_like(w, 0.02))
    assert twice.resolution == pytest.approx(2 * even.resolution)


def test_scales_with_the_values():
    w = normal(20, 10).float()
    assert of(w * 8).resolution == pytest.approx(8 * of(w).resolution, rel=1e-6)
    assert of(w.T).resolution == of(w).resolution


@pytest.mark.parametrize("power", [-830, 830])
def test_values_whose_squares_leave_float64(power):
    w = normal(20, 10)
    found = of(w * 2.0**power, scale=2.0**-power)
    assert found.resolution / 2.0**power == pytest.approx(of(w).resolution)


@pytest.mark.parametrize("shape", [(6, 6), (9, 6)])
def test_of_zeros_and_of_rank_one_the_bounds_are_finite(shape):
    for w in (torch.zeros(shape), torch.ones(shape)):
        found = of(w)
        assert all(math.isfinite(x) for x in (found.resolution, found.along, found.across))
    assert found.resolution > 0
