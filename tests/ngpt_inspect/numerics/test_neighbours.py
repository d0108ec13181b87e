"""Nearest rows against all cosines at once, in numpy."""

import numpy as np
import pytest
import torch
from tolerances import rounding

from ngpt_inspect.numerics import tiles
from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.numerics.heartbeat import heard_by
from ngpt_inspect.numerics.neighbours import neighbours_of
from ngpt_inspect.numerics.pairs import nearest_rows


def cosines(x):
    wide = x.double().numpy()
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    found = unit @ unit.T
    np.fill_diagonal(found, -np.inf)
    return found


@pytest.fixture(params=["one tile", "many tiles"])
def tiling(request, monkeypatch):
    if request.param == "many tiles":
        monkeypatch.setattr(tiles, "TILE_ROWS", 16)
        monkeypatch.setattr(tiles, "DIAGONAL_ROWS", 4)


@pytest.mark.usefixtures("tiling")
@pytest.mark.parametrize("count", [2, 3, 17, 83])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_nearest_of_every_row(count, dtype):
    x = torch.randn(count, 6, generator=torch.Generator().manual_seed(count)).to(dtype)
    expected = cosines(x)
    found = nearest_rows(x, duplicate=0.8)
    slack = rounding(6, dtype=torch.float32)  # the search is in float32, the value is not
    np.testing.assert_allclose(found.cosine_V, expected.max(1), rtol=0, atol=slack)
    of_partner = expected[np.arange(count), found.partner_V]
    np.testing.assert_allclose(found.cosine_V, of_partner, rtol=0, atol=rounding(6))
    if dtype == torch.float64:
        np.testing.assert_array_equal(found.partner_V, expected.argmax(1))
    clear = np.abs(expected - 0.8).min(1) > slack
    np.testing.assert_array_equal(found.duplicates_V[clear], (expected >= 0.8).sum(1)[clear])


@pytest.mark.usefixtures("tiling")
def test_copies_and_rows_of_zero():
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(2))
    x[30] = 3 * x[7]
    x[31] = x[7]
    x[[5, 39]] = 0
    found = nearest_rows(x, duplicate=0.999999)
    assert {int(found.partner_V[row]) for row in (7, 30, 31)} <= {7, 30, 31}
    assert found.duplicates_V[[7, 30, 31]].tolist() == [2, 2, 2]
    np.testing.assert_allclose(found.cosine_V[[7, 30, 31]], 1, rtol=rounding(5))
    assert found.cosine_V[[5, 39]].isnan().all()
    assert found.partner_V[[5, 39]].tolist() == [-1, -1]
    assert not set(found.partner_V.tolist()) & {5, 39}


@pytest.mark.parametrize("count", [1, 3])
def test_nobody_to_compare_with(count):
    x = torch.zeros(count, 4)
    x[0] = 1
    found = nearest_rows(x, duplicate=0.5)
    assert found.cosine_V.isnan().all()
    assert found.partner_V.tolist() == [-1] * count
    assert found.duplicates_V.tolist() == [0] * count


def test_it_tells_how_far_it_is(monkeypatch):
    monkeypatch.setattr(tiles, "TILE_ROWS", 8)
    shares = []
    with heard_by(shares.append):
        nearest_rows(torch.randn(30, 3), duplicate=0.9)
    assert shares[-1] == 1
    assert shares == sorted(shares)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_neighbours_of_single_rows(dtype):
    x = torch.randn(50, 7, generator=torch.Generator().manual_seed(4)).to(dtype)
    x[9] = 0
    wide = x.double().numpy()
    with np.errstate(invalid="ignore"):
        expected = cosines(x)
    for found, row in zip(neighbours_of(x, [3, 41], 6), (3, 41), strict=True):
        others = np.nan_to_num(expected[row], nan=-np.inf)
        order = np.argsort(-others)[:6]
        assert found.row == row
        assert found.ids.tolist() == order.tolist()
        np.testing.assert_allclose(found.cosines, others[order], rtol=0, atol=rounding(7))
        slack = rounding(7) * np.abs(wide).max() ** 2 * 7
        np.testing.assert_allclose(found.dots, wide[order] @ wide[row], rtol=0, atol=slack)
    assert len(neighbours_of(x, [3], 1000)[0].ids) == 48
    assert len(neighbours_of(x, [9], 5)[0].ids) == 0


def test_values_must_be_finite():
    x = torch.ones(3, 2)
    x[1, 1] = float("inf")
    with pytest.raises(NonFinite):
        nearest_rows(x, duplicate=0.9)
    with pytest.raises(NonFinite):
        neighbours_of(x, [0], 1)
