import math

import pytest
import torch
from draws import normal
from tolerances import rounding

from ngpt_inspect.numerics.changes import LEADING, changed
from ngpt_inspect.numerics.finite import NonFinite


def movement(before, after):
    return changed(before, after)[0]


def turn(before, after, k):
    return changed(before, after, k)[1]


def by_svd(before, after, k):
    """Effective rank and overlaps of full decompositions, in float64."""
    u, s, v = torch.linalg.svd(after.double() - before.double(), full_matrices=False)
    p, _, q = torch.linalg.svd(before.double(), full_matrices=False)
    share = s / s.sum()
    rank = torch.exp(-torch.special.xlogy(share, share).sum())
    left = torch.linalg.svdvals(u[:, :k].T @ p[:, :k]).square().mean()
    right = torch.linalg.svdvals(v[:k] @ q[:k].T).square().mean()
    return [float(each) for each in (rank, left, right)]


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (33, 33)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_turn_is_what_full_decompositions_give(shape, dtype):
    before = normal(*shape).to(dtype)
    after = (before + 0.1 * normal(*shape, seed=1)).to(dtype)
    found = turn(before, after, LEADING)
    wanted = by_svd(before, after, LEADING)
    assert found.k == LEADING
    # directions are as good as the gap between two of 30 values: some thousandth of the largest
    assert [found.effective_rank, found.left, found.right] == pytest.approx(
        wanted, rel=rounding(1600, 1e4)
    )


def test_a_change_of_low_rank_has_its_rank_and_no_more_directions_than_it_has():
    before = normal(50, 60)
    after = before + torch.outer(normal(50, seed=1), normal(60, seed=2))
    found = turn(before, after, LEADING)
    assert found.k == 1
    assert found.effective_rank == pytest.approx(1, abs=1e-9)
    u = torch.linalg.svd(before).U[:, :1]
    wanted = float((u.T @ normal(50, seed=1)) ** 2 / normal(50, seed=1).square().sum())
    assert found.left == pytest.approx(wanted, rel=rounding(3000, 1e3))


def test_growing_along_its_own_leading_directions_is_an_overlap_of_one():
    u, s, v = torch.linalg.svd(normal(40, 30), full_matrices=False)
    s[:LEADING] *= 2
    before = u * s @ v
    grown = before + u[:, :LEADING] * s[:LEADING] @ v[:LEADING]
    found = turn(before, grown, LEADING)
    assert [found.left, found.right] == pytest.approx([1, 1], abs=rounding(1200, 10))


@pytest.mark.parametrize("degrees", [1e-9, 1e-3, 1, 90, 179])
def test_an_angle_has_all_its_digits(degrees):
    x = torch.tensor([[3.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    turned = torch.tensor(
        [[math.cos(math.radians(degrees)), math.sin(math.radians(degrees))], [0, 0]],
        dtype=torch.float64,
    )
    found = movement(x, 3 * turned)
    assert found.angle == pytest.approx(degrees, rel=1e-7)
    assert found.relative == pytest.approx(2 * math.sin(math.radians(degrees) / 2), rel=1e-7)
    assert found.row_angles[0] == pytest.approx(degrees, rel=1e-7)
    assert found.row_angles[1].isnan()


def test_growth_is_no_turn():
    x = normal(5, 7)
    found = movement(x, 1.01 * x)
    assert found.relative == pytest.approx(0.01)
    assert found.angle < math.degrees(0.01 * 2**-25), "sqrt(eps) of the change at most"


@pytest.mark.parametrize("exponent", [-900, 900])
def test_values_whose_squares_no_float64_holds(exponent):
    x, y = normal(20, 30), normal(20, 30, seed=1)
    plain = movement(x, y)
    found = movement(*(torch.ldexp(each, torch.tensor(exponent)) for each in (x, y)))
    assert (found.angle, found.relative) == pytest.approx((plain.angle, plain.relative), rel=1e-14)
    scaled = turn(*(torch.ldexp(each, torch.tensor(exponent)) for each in (x, y)), 3)
    assert scaled.effective_rank == pytest.approx(turn(x, y, 3).effective_rank)


def test_from_zero_there_is_no_angle():
    found = movement(torch.zeros(2, 2), torch.ones(2, 2))
    assert math.isnan(found.angle)
    assert found.relative == math.inf
    with pytest.raises(NonFinite):
        movement(torch.ones(2, 2), torch.full((2, 2), math.nan))
