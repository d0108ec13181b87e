"""Spectra of products of thin factors, against the products themselves and built-in values."""

import math

import numpy as np
import pytest
import torch
from draws import normal, orthogonal
from tolerances import rounding

from ngpt_inspect.numerics.factored import Factor, products
from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.numerics.resolution import rounding_errors


def exact(values: torch.Tensor) -> Factor:
    """Return a factor that no storage has rounded."""
    return Factor(values.double(), torch.zeros_like(values, dtype=torch.float64))


def stored(values: torch.Tensor) -> Factor:
    return Factor(values.double(), rounding_errors(values).double())


def core(left: torch.Tensor, right: torch.Tensor) -> np.ndarray:
    """Return the first singular values of the whole product, by numpy."""
    whole = np.linalg.svd(left.numpy().T @ right.numpy(), compute_uv=False)
    return whole[: min(left.shape)]


@pytest.mark.parametrize(("rows", "columns"), [(3, 12), (8, 8), (6, 4)])
def test_the_values_are_those_of_the_product(rows: int, columns: int) -> None:
    left, right = normal(4, rows, columns), normal(2, rows, columns, seed=1)
    found = products(exact(left), exact(right))
    for head in range(4):
        expected = core(left[head], right[head // 2])
        tolerance = rounding(rows * columns, float(expected[0] / expected[-1]))
        np.testing.assert_allclose(found.values_Hn[head], expected, rtol=tolerance)
        each = found.conditionings[head]
        assert each.status == "ok"
        assert each.kappa == pytest.approx(expected[0] / expected[-1], rel=tolerance)


@pytest.mark.parametrize("kappa", [1e4, 1e8, 1e11])
def test_large_kappas_keep_their_digits(kappa: float) -> None:
    """Q diag(s) and P: nothing is squared on the way, so eps kappa is all that is lost."""
    s = torch.logspace(0, -math.log10(kappa), 6, dtype=torch.float64)
    left, right = s[:, None] * orthogonal(6, 40, 1), orthogonal(6, 40, 2)
    found = products(exact(left[None]), exact(right[None]))
    each = found.conditionings[0]
    assert each.kappa == pytest.approx(kappa, rel=rounding(240, kappa))
    assert each.relative_error < 0.01
    np.testing.assert_allclose(found.values_Hn[0], s, rtol=rounding(240, kappa))


@pytest.mark.parametrize("power", [-300, 300])
def test_size_changes_no_shape(power: int) -> None:
    left, right = normal(1, 5, 20).double(), normal(1, 5, 20, seed=1).double()
    plain = products(stored(left.float()), stored(right.float())).conditionings[0]
    by = torch.tensor(power)
    far = [
        Factor(*(torch.ldexp(x, by) for x in (f.values, f.errors)))
        for f in map(stored, (left.float(), right.float()))
    ]
    found = products(*far).conditionings[0]
    assert (found.kappa, found.status) == (plain.kappa, plain.status)


def test_a_lost_direction_is_rank_deficient_and_extreme_sizes_are_not() -> None:
    left, right = normal(1, 5, 20), normal(1, 5, 20, seed=1)
    lost = left.clone()
    lost[0, 2] = 0
    assert products(exact(lost), exact(right)).conditionings[0].status == "rank_deficient"
    assert products(exact(lost), exact(right)).conditionings[0].kappa == math.inf
    plain = products(exact(left), exact(right)).conditionings[0].kappa
    sizes = (torch.finfo(torch.float64).max ** 0.5 / 1e60, 1e-140)
    for size in sizes:
        scaled = products(exact(left * size), exact(right)).conditionings[0]
        assert scaled.kappa == pytest.approx(plain, rel=rounding(100, plain))
        assert scaled.status == "ok"


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_products_beyond_float64_are_refused(size: float) -> None:
    each = exact(normal(1, 5, 20) * size)
    with pytest.raises(NonFinite, match="beyond float64"):
        products(each, each)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_storage_can_have_moved_bounds_what_it_did(dtype: torch.dtype) -> None:
    """Round again and again: sigma_min stays within the shift, and some come near it."""
    rows, columns = 6, 48
    scale = torch.logspace(0, -1.5, rows, dtype=torch.float64)
    shares = []
    for seed in range(60):
        left = scale[:, None] * normal(rows, columns, seed=2 * seed)
        right = normal(rows, columns, seed=2 * seed + 1)
        before = core(left, right)[-1]
        rounded = [each.to(dtype)[None] for each in (left, right)]
        each = products(*map(stored, rounded)).conditionings[0]
        shares.append(abs(each.sigma_min - before) / each.shift)
    # Three deviations of a sum of uniform errors: beyond them in fewer than 1 % of cases.
    assert sum(share > 1 for share in shares) <= 2
    assert max(shares) > 0.2


def test_below_what_the_dtype_resolves() -> None:
    left, right = orthogonal(4, 30, 1), orthogonal(4, 30, 2)
    left = torch.tensor([1, 1, 1, 1e-4], dtype=torch.float64)[:, None] * left
    # Of a rotated basis every entry is rounded, so that 1e-4 drowns in bfloat16.
    turned = (orthogonal(4, 4, 3) @ left).bfloat16()[None]
    each = products(stored(turned), stored(right.bfloat16()[None])).conditionings[0]
    assert each.status == "below_resolution"
    assert each.sigma_min < 10 * each.resolution


def test_errors_of_row_factors_count() -> None:
    left, right = normal(1, 4, 20), normal(1, 4, 20, seed=1)
    plain = products(exact(left), exact(right)).conditionings[0]
    rows = torch.full((1, 4), 0.1, dtype=torch.float64)
    found = products(exact(left), exact(right), rows).conditionings[0]
    assert plain.shift == 0
    assert found.shift > 0
    moved = []
    for seed in range(200):
        noise = 1 + 0.1 * normal(1, 4, 1, seed=seed) / 100
        moved.append(products(exact(left * noise), exact(right)).conditionings[0].sigma_min)
    # The shift is 3 deviations of the first order.
    assert np.std(moved) * 100 == pytest.approx(found.shift / 3, rel=0.25)
