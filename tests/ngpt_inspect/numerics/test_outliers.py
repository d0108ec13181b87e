"""Robust scores, mean directions and equal rows against numpy and by hand."""

import numpy as np
import pytest
import torch
from tolerances import rounding

from ngpt_inspect.numerics.outliers import equal_rows, mean_cosines, robust_z


def test_robust_z_by_hand():
    values = torch.tensor([1.0, 2.0, 3.0, 4.0, 100.0])  # median 3, distances 2 1 0 1 97: MAD 1
    expected = np.array([-2, -1, 0, 1, 97]) / 1.4826
    np.testing.assert_allclose(robust_z(values, 1e-9), expected, rtol=rounding())


def test_the_scale_of_a_normal_distribution_is_its_standard_deviation():
    values = 5 + 2 * torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    assert float(robust_z(values, 1e-9).std()) == pytest.approx(1, abs=0.01)


def test_differences_of_rounding_are_no_outliers():
    values = torch.full((9,), 1.0, dtype=torch.float64)
    values[3] += 1e-7
    assert float(robust_z(values, 1e-5).abs().max()) == pytest.approx(0.01)
    assert robust_z(values[:0], 1e-5).tolist() == []


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_mean_cosines(dtype):
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(1)).to(dtype)
    unit = x.double().numpy()
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    among, of = torch.tensor([2, 5, 20]), torch.arange(1, 30)
    mean = unit[among].mean(0)
    expected = unit[1:] @ mean / np.linalg.norm(mean)
    np.testing.assert_allclose(mean_cosines(x, of, among), expected, rtol=0, atol=rounding(30 * 6))


def test_equal_rows():
    x = torch.randn(8, 3)
    x[5] = x[2]
    x[7] = x[2]
    x[0] = 0.0
    x[1] = -0.0
    x[4, 1] = float("nan")
    assert equal_rows(x).tolist() == [1, 1, 2, 0, 0, 2, 0, 2]
    nearly = x.double()
    nearly[5, 0] += 1e-12
    assert equal_rows(nearly).tolist() == [1, 1, 1, 0, 0, 0, 0, 1]
    assert equal_rows(torch.ones(3, 2).to(torch.float8_e4m3fn)).tolist() == [2, 2, 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_nan_equals_its_like_wherever_it_stands(dtype):
    rows = torch.full((5, 3), float("nan")).to(dtype)
    assert equal_rows(rows).tolist() == [4] * 5


def test_no_rows_are_equal_where_there_are_none():
    assert equal_rows(torch.zeros(0, 3)).tolist() == []
