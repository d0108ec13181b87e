import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from draws import normal
from hypothesis import given
from hypothesis import strategies as st
from tolerances import SQUARED_UP_TO, rounding, singular

from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.numerics.spectra import (
    effective_rank,
    participation_ratio,
    singular_values,
    spectra,
    stable_rank,
)

SHAPES = [(1, 1), (1, 5), (5, 1), (64, 64), (200, 30), (30, 200)]


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_numpy(shape):
    w = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = singular_values(w)
    assert found.dtype == torch.float64
    reference = np.linalg.svd(w.double().numpy(), compute_uv=False)
    slack = singular(min(shape), reference[0] / reference[-1])
    np.testing.assert_allclose(found.numpy(), reference, rtol=slack)


@pytest.mark.parametrize("kappa", [1e1, 1e3, 1e5, 1e8, 1e10])
@pytest.mark.parametrize("shape", [(96, 96), (200, 96), (96, 200)])
def test_known_spectrum_whatever_its_range(with_spectrum, shape, kappa):
    s_n = torch.logspace(0, -math.log10(kappa), 96, dtype=torch.float64)
    w = with_spectrum(*shape, s_n)
    found = spectra(w.unsqueeze(0), 1.0)
    assert found.methods == ("gram" if kappa < 1e4 else "svd",)
    torch.testing.assert_close(found.values_Hn[0], s_n, rtol=singular(96, kappa), atol=0)


def test_heads_of_one_call_equal_heads_one_by_one(with_spectrum):
    tame = normal(3, 40, 16)
    wild = with_spectrum(40, 16, torch.logspace(0, -9, 16))
    heads = torch.stack((tame[0], wild, tame[1], tame[2]))
    found = spectra(heads, 1.0)
    assert found.methods == ("gram", "svd", "gram", "gram")
    for head, s_n in zip(heads, found.values_Hn, strict=True):
        slack = singular(16, float(s_n[0] / s_n[-1]))
        torch.testing.assert_close(s_n, torch.linalg.svdvals(head), rtol=slack, atol=0)
    slack = singular(16, 1e9)
    torch.testing.assert_close(singular_values(heads.mT), found.values_Hn, rtol=slack, atol=0)


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2, torch.float32]
)
def test_stored_values_are_taken_exactly(dtype):
    w = torch.randn(30, 20, generator=torch.Generator().manual_seed(2)).to(dtype)
    exact = torch.linalg.svdvals(w.double())
    slack = singular(20, float(exact[0] / exact[-1]))
    torch.testing.assert_close(singular_values(w), exact, rtol=slack, atol=0)


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
def test_very_large_and_very_small_values(size):
    w = normal(20, 10, seed=3)
    plain = singular_values(w)
    slack = singular(10, float(plain[0] / plain[-1]))
    torch.testing.assert_close(singular_values(w * size) / size, plain, rtol=slack, atol=0)


def test_ranks_of_known_spectra():
    flat, graded = torch.ones(7), torch.tensor([4.0, 2.0, 1.0])
    for measure in (stable_rank, participation_ratio, effective_rank):
        assert measure(flat).item() == pytest.approx(7, rel=rounding(7))
        assert measure(torch.tensor([3.0, 0.0, 0.0])).item() == 1.0
        assert math.isnan(measure(torch.zeros(3)))
    assert stable_rank(graded).item() == pytest.approx(21 / 16, rel=rounding(3))
    assert participation_ratio(graded).item() == pytest.approx(21**2 / 273, rel=rounding(3))
    entropy = -sum(p * math.log(p) for p in (4 / 7, 2 / 7, 1 / 7))
    assert effective_rank(graded).item() == pytest.approx(math.exp(entropy), rel=rounding(3))


def test_ranks_of_a_stack_and_of_huge_values():
    s_Hn = torch.tensor([[4.0, 2.0, 1.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    assert stable_rank(s_Hn).tolist() == pytest.approx([21 / 16, 3])
    assert participation_ratio(s_Hn * 1e200).tolist() == pytest.approx([21**2 / 273, 3])


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=40).filter(any))
def test_ranks_are_ordered(values):
    s_n = torch.tensor(values, dtype=torch.float64)
    rank = int((s_n > 0).sum())
    chain = [1.0, stable_rank(s_n), participation_ratio(s_n), effective_rank(s_n), rank]
    for lower, upper in pairwise(chain):
        assert float(lower) <= float(upper) * (1 + rounding(40))


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12), st.floats(1e-6, 1e6))
def test_invariances(seed, rows, columns, factor):
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(rows, rows, generator=generator, dtype=torch.float64)).Q
    s_n = singular_values(w)
    # Of kappa up to 1e4 the square is lost on the way, beyond that kappa itself.
    slack = float(s_n[0]) * singular(12, SQUARED_UP_TO) / SQUARED_UP_TO
    for same in (w.T, turn @ w, (w * factor) / factor):
        torch.testing.assert_close(singular_values(same), s_n, rtol=0, atol=slack)
    torch.testing.assert_close(
        singular_values(w * factor), s_n * factor, rtol=0, atol=slack * factor
    )


@pytest.mark.parametrize("shape", [(3,), (0, 4), (2, 2, 2, 2)])
def test_what_is_not_a_matrix_is_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        singular_values(torch.zeros(shape))


def test_nan_is_refused():
    with pytest.raises(NonFinite):
        singular_values(torch.tensor([[1.0, float("nan")]]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kappa", [1e2, 1e7])
def test_a_gpu_gives_the_same_numbers(with_spectrum, kappa):
    s_n = torch.logspace(0, -math.log10(kappa), 100, dtype=torch.float64)
    w = with_spectrum(300, 100, s_n)
    torch.testing.assert_close(
        singular_values(w.cuda()).cpu(), singular_values(w), rtol=singular(100, kappa), atol=0
    )
