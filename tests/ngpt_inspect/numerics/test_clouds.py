import math

import numpy as np
import pytest
import torch
from tolerances import rounding

from ngpt_inspect.numerics.clouds import (
    about_origin,
    covariance_matrix,
    eigenvalues_of,
    iso_score,
    isotropy,
    row_mean,
)
from ngpt_inspect.numerics.finite import BLOCK_ELEMENTS, NonFinite


def covariance_eigenvalues(x: torch.Tensor) -> torch.Tensor:
    return eigenvalues_of(covariance_matrix(x))


@pytest.fixture
def cloud():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(500, 12, generator=generator) * torch.linspace(0.5, 2, 12) + 3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_covariance_is_numpys(cloud, dtype):
    x = cloud.to(dtype)
    y = x.double().numpy()
    expected = np.cov(y, rowvar=False, bias=True)
    np.testing.assert_allclose(
        covariance_matrix(x).numpy(), expected, rtol=0, atol=16 * rounding(500)
    )
    np.testing.assert_allclose(
        covariance_eigenvalues(x).numpy(),
        np.linalg.eigvalsh(expected)[::-1],
        rtol=rounding(500, 1e3),
    )
    np.testing.assert_allclose(row_mean(x).numpy(), y.mean(0), rtol=rounding(500))
    uncentred = about_origin(covariance_matrix(x), row_mean(x)).numpy()
    np.testing.assert_allclose(uncentred, y.T @ y / 500, rtol=rounding(500))


def test_a_far_mean_costs_no_digits(cloud):
    wide = cloud.double()
    torch.testing.assert_close(
        covariance_eigenvalues(wide + 1e7), covariance_eigenvalues(wide), rtol=1e-7, atol=0
    )


def test_covariance_of_random_unit_rows(unit_rows):
    """The range over the median at initialisation, V = 32000 and d = 1024, is [0.68, 1.40]; here
    the same ratio of V to d."""
    l_n = covariance_eigenvalues(unit_rows(8000, 256))
    assert float(l_n[0] / l_n.median()) == pytest.approx(1.40, abs=0.03)
    assert float(l_n[-1] / l_n.median()) == pytest.approx(0.68, abs=0.03)


def test_isotropy_by_hand():
    axes = torch.eye(3)
    assert isotropy(torch.cat((axes, -axes))) == pytest.approx(1, rel=rounding(40))
    one_way = torch.tensor([[1.5, 0.0]]).repeat(40, 1)
    assert isotropy(one_way) == pytest.approx(math.exp(-3), rel=rounding(40))


def test_isotropy_does_not_overflow_and_crosses_blocks():
    one_way = torch.tensor([[300.0, 0.0]]).repeat(BLOCK_ELEMENTS // 2 + 3, 1)
    assert isotropy(one_way) == pytest.approx(math.exp(-600), rel=rounding(BLOCK_ELEMENTS, 600))


def test_isotropy_of_ends_that_single_precision_cannot_tell_apart():
    """Rows +-l_k e_k: Z(e_k) = 2 cosh l_k + 2 (D - 1), of lengths from 1 to 1 + 7e-9."""
    lengths = 1 + 1e-9 * torch.arange(8, dtype=torch.float64)
    z = 2 * lengths.cosh() + 14
    found = isotropy(torch.cat((lengths.diag(), -lengths.diag())))
    assert found == pytest.approx(float(z[0] / z[-1]), rel=rounding(16))
    assert found < 1 - 1e-10


def test_isotropy_of_rows_beyond_single_precision():
    axes = 1e39 * torch.eye(3, dtype=torch.float64)
    assert isotropy(torch.cat((axes, -axes))) == 1


def test_iso_score_ends():
    assert iso_score(torch.ones(9)) == pytest.approx(1, rel=rounding(40))
    assert iso_score(torch.tensor([1.0] + [0.0] * 8)) == pytest.approx(0, abs=rounding(9))
    assert math.isnan(iso_score(torch.zeros(4)))
    assert math.isnan(iso_score(torch.ones(1)))


def test_iso_score_of_half_the_directions():
    """Algorithm 1 by hand for l = (1, 1, 0, 0): scaled to (sqrt 2, sqrt 2, 0, 0)."""
    root = math.sqrt(2)
    defect = math.sqrt(2 * (root - 1) ** 2 + 2) / math.sqrt(2 * (4 - 2))
    phi = (4 - defect**2 * (4 - 2)) ** 2 / 16
    assert iso_score(torch.tensor([1.0, 1.0, 0.0, 0.0])) == pytest.approx((4 * phi - 1) / 3)
    # Using k of n directions evenly gives (k - 1) / (n - 1).
    assert iso_score(torch.tensor([1.0, 1.0, 0.0, 0.0])) == pytest.approx(1 / 3)


def test_iso_score_ignores_scale_and_mean(cloud):
    score = iso_score(covariance_eigenvalues(cloud))
    assert iso_score(covariance_eigenvalues(cloud * 7 + 2)) == pytest.approx(score, rel=1e-5)
    assert 0 < score < 1


@pytest.mark.parametrize("measure", [covariance_eigenvalues, isotropy])
def test_nan_is_refused(measure):
    with pytest.raises(NonFinite):
        measure(torch.tensor([[1.0, float("nan")], [1.0, 1.0]]))
