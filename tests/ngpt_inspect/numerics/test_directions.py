import math

import pytest
import torch
from tolerances import rounding

from ngpt_inspect.numerics.directions import anisotropy, row_norms
from ngpt_inspect.numerics.finite import BLOCK_ELEMENTS, NonFinite

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float8_e4m3fn]


@pytest.mark.parametrize("dtype", DTYPES)
def test_norms(dtype):
    x = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)).to(dtype)
    torch.testing.assert_close(row_norms(x), torch.linalg.vector_norm(x.double(), dim=1))


def test_norms_across_blocks():
    x = torch.ones(3 * BLOCK_ELEMENTS // 4 + 5, 4, dtype=torch.float16)
    assert torch.equal(row_norms(x), torch.full((len(x),), 2.0, dtype=torch.float64))


def test_norms_whose_squares_leave_float32():
    x = torch.full((2, 2), 1e30)
    assert row_norms(x)[0].item() == pytest.approx(math.sqrt(2) * 1e30)


def test_anisotropy_is_the_mean_cosine(unit_rows):
    x = unit_rows(300, 20) * torch.linspace(0.1, 9, 300).unsqueeze(1) + 0.2
    y = x.double() / torch.linalg.vector_norm(x.double(), dim=1, keepdim=True)
    i, j = torch.triu_indices(300, 300, 1)
    assert anisotropy(x) == pytest.approx(float((y @ y.T)[i, j].mean()), rel=rounding(300 * 20))


def test_anisotropy_by_hand():
    assert anisotropy(torch.tensor([[1.0, 0.0], [0.0, 2.0]])) == 0
    assert anisotropy(torch.tensor([[1.0, 0.0], [5.0, 0.0], [0.0, 0.0]])) == 1
    assert anisotropy(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])) == -1
    assert math.isnan(anisotropy(torch.tensor([[1.0, 0.0], [0.0, 0.0]])))


def test_nan_is_refused():
    with pytest.raises(NonFinite):
        anisotropy(torch.tensor([[1.0, float("nan")]]))
