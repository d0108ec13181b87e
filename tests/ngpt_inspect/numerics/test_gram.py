import pytest
import torch
from draws import normal
from tolerances import rounding

from ngpt_inspect.numerics.gram import COLUMN_BLOCK, gram_matrix


@pytest.mark.parametrize("shape", [(5, 3), (40, 2 * COLUMN_BLOCK + 7), (20000, 600)])
def test_equals_the_full_product(shape):
    w = normal(*shape)
    found = gram_matrix(w)
    assert torch.equal(found, found.T)
    # An entry is a sum of as many products as there are rows, each about 1.
    slack = rounding(len(w)) * len(w) ** 0.5
    torch.testing.assert_close(found, w.T @ w, rtol=0, atol=slack)


def test_scale_and_centre():
    w = torch.randn(50, 4, generator=torch.Generator().manual_seed(1)).bfloat16()
    mean = w.double().mean(0)
    shifted = (w.double() - mean) * 0.25
    torch.testing.assert_close(gram_matrix(w, 0.25, mean), shifted.T @ shifted)


def test_values_are_widened_before_they_are_squared():
    w = torch.full((3, 1), 60000.0, dtype=torch.float16)
    assert gram_matrix(w).item() == 3 * 60000.0**2
