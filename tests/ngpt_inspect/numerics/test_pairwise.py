import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from tolerances import rounding

from ngpt_inspect.numerics import pairwise as pairwise_module
from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.numerics.heartbeat import heard_by
from ngpt_inspect.numerics.pairs import pairwise_dots
from ngpt_inspect.numerics.pairwise import Pair

IN_FLOAT32 = rounding(24, dtype=torch.float32)
"""What a curve computed in float32 may be off by, of products of 24 or fewer numbers."""


def magnified(values):
    """How much their sum magnifies relative errors of values."""
    return abs(values).sum() / abs(values.sum())


def brute_force(x, normalize):
    y = x.double().numpy()
    if normalize:
        y = y / np.linalg.norm(y, axis=1, keepdims=True)
    return (y @ y.T)[np.triu_indices(len(y), 1)]


def cloud(rows, columns, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(rows, columns, generator=generator) + 0.3).to(dtype)


@pytest.mark.parametrize("sorted_pairs", [0, 1 << 22], ids=["binned", "sorted"])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.float8_e4m3fn]
)
def test_against_brute_force(monkeypatch, dtype, normalize, sorted_pairs):
    monkeypatch.setattr(pairwise_module, "SORTED_PAIRS", sorted_pairs)
    x = cloud(400, 24, dtype)
    found, dots = pairwise_dots(x, normalize=normalize, bins=50), brute_force(x, normalize)
    size = abs(dots).max()
    assert found.exact
    assert found.n_pairs == found.pairs_measured == found.counts.sum() == len(dots)
    assert found.counts.dtype == np.int64
    assert 25 <= len(found.counts) <= 50
    assert found.edges[0] <= dots.min()
    assert found.edges[-1] >= dots.max() - 1e-6 * size
    moved = abs(np.histogram(dots, found.edges)[0] - found.counts).sum()
    assert moved <= (0 if dtype == torch.float64 else 20)
    assert found.dtype == ("float64" if dtype == torch.float64 else "float32")
    off = abs(found.quantiles - np.quantile(dots, found.levels))
    # where values were sorted all that is left is rounding; half a bin lies between two values
    assert off.max() <= 1.1 * found.quantile_error
    in_curve = rounding(24, dtype=getattr(torch, found.dtype))
    assert (found.quantile_error < in_curve * size) == (sorted_pairs > 0)
    in_sum = rounding(24 * len(dots))
    assert found.mean == pytest.approx(dots.mean(), rel=in_sum * magnified(dots))
    assert found.std == pytest.approx(dots.std(), rel=in_curve + in_sum)
    # named pairs are in float64
    assert found.largest[0].value == pytest.approx(dots.max(), rel=rounding(24))
    assert found.smallest[0].value == pytest.approx(dots.min(), rel=rounding(24))
    assert found.std_standard_error == 0


def test_three_vectors_by_hand():
    x = torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, -2.0]])
    raw = pairwise_dots(x, n_extremes=2)
    assert raw.mean == pytest.approx((3 - 8 + 0) / 3)
    assert raw.std == pytest.approx(np.std([3, -8, 0]))
    assert raw.largest == (Pair(3.0, 0, 1), Pair(0.0, 1, 2))
    assert raw.smallest == (Pair(-8.0, 0, 2), Pair(0.0, 1, 2))
    assert raw.quantiles[[0, 500, 1000]].tolist() == [-8, 0, 3]
    cosines = pairwise_dots(x, normalize=True)
    assert cosines.mean == pytest.approx((0.6 - 0.8 + 0) / 3)


def test_two_rows_are_one_pair():
    found = pairwise_dots(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert (found.n_pairs, found.mean, found.std) == (1, 11, 0)
    assert found.largest == found.smallest == (Pair(11.0, 0, 1),)
    assert found.counts.sum() == 1
    assert set(found.quantiles.tolist()) == {11}


def test_zero_rows_have_no_cosine():
    x = cloud(6, 3)
    x[2] = 0
    cosines, raw = pairwise_dots(x, normalize=True), pairwise_dots(x)
    assert (cosines.zero_rows, raw.zero_rows) == (1, 1)
    assert (cosines.n_pairs, raw.n_pairs) == (10, 15)
    assert 2 not in {row for pair in cosines.largest for row in (pair.first, pair.second)}
    assert cosines.mean == pytest.approx(brute_force(x[[0, 1, 3, 4, 5]], True).mean())


def test_equal_rows_have_cosine_one_and_no_spread():
    found = pairwise_dots(torch.ones(3000, 7), normalize=True)
    assert found.mean == pytest.approx(1, rel=rounding(7))
    assert found.std <= math.sqrt(rounding(7)), "a difference of squares"
    assert found.quantiles.min() >= 1 - rounding(7, dtype=torch.float32)


def test_all_zero_rows():
    found = pairwise_dots(torch.zeros(5, 3))
    assert (found.mean, found.std, found.counts.sum()) == (0, 0, 10)
    with pytest.raises(ValueError, match="5 of norm zero"):
        pairwise_dots(torch.zeros(5, 3), normalize=True)


def test_one_row_may_be_longer_than_all_others_together():
    x = cloud(300, 8).double()
    x[5] *= 2.0**40
    found = pairwise_dots(x)
    exact = [
        math.fsum(a * b for a, b in zip(x[i].tolist(), x[j].tolist(), strict=True))
        for i in range(300)
        for j in range(i)
    ]
    slack = rounding(8 * len(exact), magnified(np.array(exact)))
    assert found.mean == pytest.approx(math.fsum(exact) / len(exact), rel=slack)


def test_values_whose_products_leave_float32():
    found = pairwise_dots(cloud(30, 4) * 1e30)
    assert found.std == pytest.approx(1e60 * pairwise_dots(cloud(30, 4)).std, rel=IN_FLOAT32)


@pytest.mark.parametrize("normalize", [False, True])
def test_the_spread_of_random_directions(unit_rows, normalize):
    """Standard deviation of dot products of random unit rows: 1 / sqrt(d)."""
    found = pairwise_dots(unit_rows(3000, 1024), normalize=normalize)
    assert found.std == pytest.approx(1 / 32, rel=0.01)
    assert abs(found.mean) < 1e-3


def test_an_outlier_does_not_blur_the_quantiles():
    x = cloud(3000, 16)
    x[0] *= 50
    found = pairwise_dots(x, exact=True)
    off = abs(found.quantiles - np.quantile(brute_force(x, False), found.levels))
    assert found.quantile_error < 0.01 * found.std
    assert off[50:-50].max() <= 1.1 * found.quantile_error


def test_a_sample_says_so_and_its_errors_cover_the_truth():
    x = cloud(4000, 16, seed=3) * torch.rand(4000, 1, generator=torch.Generator().manual_seed(1))
    truth = pairwise_dots(x, bins=200, n_levels=21)
    scores = []
    for seed in range(6):
        found = pairwise_dots(x, bins=200, n_levels=21, budget=2 * 16 * 2e4, seed=seed)
        assert not found.exact
        assert found.pairs_measured == found.counts.sum() < 2.2e4
        assert found.n_pairs == truth.n_pairs
        assert found.mean == truth.mean
        errors = found.quantile_standard_errors
        scores.append((found.quantiles - truth.quantiles)[1:-1] / errors[1:-1])
        assert abs(found.std - truth.std) < 5 * found.std_standard_error
    rms = float(np.sqrt(np.mean(np.square(scores))))
    assert 0.5 < rms < 1.5


def test_the_budget_and_what_overrides_it():
    x = cloud(500, 8)
    assert not pairwise_dots(x, budget=1e5).exact
    assert pairwise_dots(x, budget=1e5, exact=True).pairs_measured == 500 * 499 // 2
    again = [pairwise_dots(x, budget=1e5, seed=s).std for s in (4, 4, 5)]
    assert again[0] == again[1] != again[2]


def test_it_tells_how_far_it_is():
    shares = []
    with heard_by(shares.append):
        pairwise_dots(cloud(5000, 4))
    assert len(shares) > 3
    assert shares[-1] == 1
    assert shares == sorted(shares)


def test_a_parameter_is_measured_like_its_values():
    x = torch.nn.Parameter(cloud(50, 8))
    assert pairwise_dots(x).quantiles.tolist() == pairwise_dots(x.detach()).quantiles.tolist()


def test_nan_and_single_rows_are_refused():
    with pytest.raises(NonFinite):
        pairwise_dots(torch.full((3, 3), float("nan")))
    with pytest.raises(ValueError, match="at least two rows"):
        pairwise_dots(torch.ones(1, 3))


def test_extra_memory_is_bounded():
    """At most 256 MB above the rows, where the products alone would be 324 MB."""
    code = """
        import resource, torch
        from ngpt_inspect.numerics.pairs import pairwise_dots
        x = torch.randn(9000, 128).bfloat16()
        x[:9] @ x[:9].T
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pairwise_dots(x, normalize=True, budget=1e15)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(out) / 1024 < 256


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_numbers():
    x = cloud(3000, 64, torch.float64)
    here, there = pairwise_dots(x), pairwise_dots(x.cuda())
    assert there.std == pytest.approx(here.std, rel=rounding(64 * here.n_pairs))
    assert abs(there.counts - here.counts).sum() <= 20


@pytest.mark.parametrize("power", [-1020, -500, -57, -40, 33, 40, 500])
@pytest.mark.parametrize("normalize", [False, True])
def test_rows_of_any_length_have_the_products_of_their_directions(power, normalize):
    """Multiplying by a power of two is exact, so every number is that of the usual scale."""
    x = cloud(300, 24, torch.float64)
    usual = pairwise_dots(x, normalize=normalize)
    found = pairwise_dots(torch.ldexp(x, torch.tensor(power)), normalize=normalize)
    factor = 1 if normalize else 2 * power
    if not normalize and abs(2 * power) > 1100:
        assert not found.in_range
        return
    assert found.in_range
    for name in ("mean", "std"):
        expected = math.ldexp(getattr(usual, name), 0 if normalize else factor)
        slack = rounding(24 * found.n_pairs)
        assert getattr(found, name) == pytest.approx(expected, rel=slack)
    expected = np.ldexp(usual.quantiles, 0 if normalize else factor)
    slack = rounding(24) * abs(expected).max()
    np.testing.assert_allclose(found.quantiles, expected, rtol=0, atol=slack)


@pytest.mark.parametrize("power", [-57, -40, 33, 40, 60])
def test_short_and_long_rows_of_float32(power):
    x = cloud(300, 24, torch.float32)
    usual = brute_force(x, False)
    found = pairwise_dots(torch.ldexp(x, torch.tensor(power)))
    scale = 4.0**power
    assert found.std == pytest.approx(usual.std() * scale, rel=IN_FLOAT32)
    slack = rounding(24 * len(usual), magnified(usual))
    assert found.mean == pytest.approx(usual.mean() * scale, rel=slack)
    assert found.largest[0].value == pytest.approx(usual.max() * scale, rel=rounding(24))


def test_no_cosine_is_above_one_and_a_spread_of_rounding_is_none():
    row = torch.randn(64, generator=torch.Generator().manual_seed(0))
    found = pairwise_dots(row.repeat(50, 1) * torch.arange(1, 51).unsqueeze(1), normalize=True)
    assert found.dtype == "float64", "in float32 the spread would be that of rounding"
    assert found.largest[0].value <= 1
    assert found.quantiles.max() <= 1
    assert found.std <= 64 * 2.0**-52
