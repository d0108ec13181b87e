import pytest
import torch

from ngpt_inspect.numerics.finite import NonFinite, largest_magnitude, require_finite, row_blocks


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_one_bad_value_is_found_and_counted(bad, dtype):
    x = torch.ones(3000, 2000, dtype=dtype)
    x[-1, -1] = bad
    with pytest.raises(NonFinite, match="1 of 6000000 values"):
        require_finite(x)


def test_float8_nan_is_found():
    x = torch.tensor([[1.0, float("nan")]]).to(torch.float8_e4m3fn)
    with pytest.raises(NonFinite):
        require_finite(x)


def test_largest_magnitude_looks_at_both_signs():
    assert largest_magnitude(torch.tensor([1.0, -3.0, 2.0])) == 3.0
    assert largest_magnitude(torch.tensor(-2.0)) == 2.0
    assert largest_magnitude(torch.empty(0, 3)) == 0.0


def test_largest_float64_is_finite():
    assert largest_magnitude(torch.tensor([1.7e308, 0.0], dtype=torch.float64)) == 1.7e308


def test_row_blocks_cover_every_row_once():
    x = torch.arange(70.0).view(35, 2)
    blocks = list(row_blocks(x, elements=8))
    assert max(len(b) for b in blocks) == 4
    assert torch.equal(torch.cat(blocks), x)
