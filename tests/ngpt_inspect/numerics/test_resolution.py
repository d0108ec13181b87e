import math

import pytest
import torch

from ngpt_inspect.numerics.resolution import rounding_error, storage_resolution

DTYPES = [
    torch.bfloat16,
    torch.float16,
    torch.float8_e4m3fn,
    torch.float32,
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0.02, 1.0])
def test_rounding_error_is_what_rounding_does(dtype, size):
    w = torch.randn(300, 300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    stored = (w * size).to(dtype)
    actual = float((stored.double() - w * size).square().mean().sqrt())
    assert rounding_error(stored) == pytest.approx(actual, rel=0.05)
    assert rounding_error(stored.double(), dtype) == pytest.approx(rounding_error(stored), rel=1e-6)


def test_rounding_error_by_hand():
    w = torch.tensor([1.0, -1.5, 4.0]).bfloat16()
    spacings = (2**-7, 2**-7, 4 * 2**-7)
    expected = math.sqrt(sum(s * s for s in spacings) / 3 / 12)
    assert rounding_error(w) == pytest.approx(expected, rel=1e-6)


def test_subnormals_keep_their_spacing():
    w = torch.full((2, 2), 2.0**-24, dtype=torch.float16)
    assert rounding_error(w) == pytest.approx(2.0**-24 / math.sqrt(12), rel=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(48, 48), (96, 24), (24, 96)])
def test_covers_what_storage_makes_of_a_singular_matrix(dtype, shape):
    """The definition: sigma_min 0 before rounding comes out at or below the resolution."""
    generator = torch.Generator().manual_seed(0)
    covered, ratios = 0, []
    for _ in range(40):
        w = torch.randn(shape, generator=generator, dtype=torch.float64)
        u, s_n, vh = torch.linalg.svd(w, full_matrices=False)
        s_n[-1] = 0
        stored = ((u * s_n) @ vh).to(dtype)
        ratios.append(float(torch.linalg.svdvals(stored.double())[-1]) / storage_resolution(stored))
        covered += ratios[-1] <= 1
    assert covered >= 38
    # And it is no larger than it has to be.
    assert max(ratios) > 0.4


@pytest.mark.parametrize("dtype", DTYPES)
def test_covers_the_change_of_sigma_min_of_gaussians(dtype):
    generator = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(40):
        w = torch.randn(64, 64, generator=generator, dtype=torch.float64)
        stored = w.to(dtype)
        ends = [float(torch.linalg.svdvals(x.double())[-1]) for x in (w, stored)]
        covered += abs(ends[0] - ends[1]) <= storage_resolution(stored)
    assert covered >= 38


def test_scales_with_the_values():
    w = torch.randn(20, 10, generator=torch.Generator().manual_seed(0))
    assert storage_resolution(w * 8) == pytest.approx(8 * storage_resolution(w), rel=1e-6)
    assert storage_resolution(w.T) == pytest.approx(storage_resolution(w), rel=1e-6)


@pytest.mark.parametrize("size", [1e-250, 1e250])
def test_values_whose_squares_leave_float64(size):
    w = torch.randn(20, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert storage_resolution(w * size) / size == pytest.approx(storage_resolution(w), rel=0.5)
