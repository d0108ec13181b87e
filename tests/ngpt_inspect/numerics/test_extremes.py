import math

import pytest
import torch
from draws import normal
from tolerances import rounding

from ngpt_inspect.numerics import extremes, operators
from ngpt_inspect.numerics.cores import cores
from ngpt_inspect.numerics.extremes import CERTIFIED, extreme_singular_values, spectral_norm
from ngpt_inspect.numerics.lanczos import CHECK_EVERY, largest_ritz_pair

SHAPES = {"square": (200, 200), "tall": (400, 200)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@pytest.fixture(params=[extremes.FAR_ELEMENTS, 1], ids=["near", "far"])
def near_and_far(request, monkeypatch):
    """Take the route of matrices that a cache holds, and that of those it does not."""
    monkeypatch.setattr(extremes, "FAR_ELEMENTS", request.param)


@pytest.mark.usefixtures("near_and_far")
@every_shape
@pytest.mark.parametrize("power", range(1, 13))
@pytest.mark.parametrize("formed", [False, True], ids=["solves", "inverse, as on a GPU"])
def test_known_spectrum(monkeypatch, with_spectrum, shape, power, formed):
    monkeypatch.setattr(operators, "forms_inverse", lambda w: formed)
    w = with_spectrum(*shape, torch.logspace(0, -power, 200, dtype=torch.float64), seed=power)
    found = extreme_singular_values(w)
    assert found.sigma_max == pytest.approx(1, rel=CERTIFIED)
    error = abs(found.sigma_min * 10**power - 1)
    assert error <= CERTIFIED + rounding(200, 10**power)
    assert error <= found.relative_error + rounding(200, 10**power)


def test_the_gram_route_gives_way_where_squaring_costs_digits(with_spectrum):
    def method(kappa):
        s_n = torch.logspace(0, -math.log10(kappa), 200, dtype=torch.float64)
        return extreme_singular_values(with_spectrum(400, 200, s_n)).method

    assert method(1e2) == "cholesky + lanczos"
    assert method(1e7) == "qr + lanczos"


@pytest.mark.usefixtures("near_and_far")
@every_shape
def test_agrees_with_the_full_spectrum_on_gaussians(shape):
    w = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found, s_n = extreme_singular_values(w), torch.linalg.svdvals(w.double())
    kappa = float(s_n[0] / s_n[-1])
    assert found.sigma_max == pytest.approx(float(s_n[0]), rel=CERTIFIED)
    assert found.sigma_min == pytest.approx(float(s_n[-1]), rel=CERTIFIED + rounding(200, kappa))


@pytest.mark.usefixtures("near_and_far")
@every_shape
@pytest.mark.parametrize("gap", [0.0, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3])
def test_clustered_ends(with_spectrum, shape, gap):
    middle = torch.linspace(1, 0.1, 196, dtype=torch.float64)
    ends = ([2.0, 2.0 - gap], [0.01 * (1 + gap), 0.01])
    s_n = torch.tensor([*ends[0], *middle.tolist(), *ends[1]], dtype=torch.float64)
    found = extreme_singular_values(with_spectrum(*shape, s_n))
    if found is not None:
        assert found.sigma_max == pytest.approx(2, rel=CERTIFIED)
        assert found.sigma_min == pytest.approx(0.01, rel=CERTIFIED + rounding(200, 200))


@every_shape
def test_unproved_digits_are_not_returned(monkeypatch, shape):
    monkeypatch.setattr(extremes, "MAX_VECTORS", 10)
    w = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert extreme_singular_values(w) is None


@pytest.mark.usefixtures("near_and_far")
@every_shape
def test_exactly_singular(shape):
    w = normal(*shape)
    w[:, 7] = 0
    found = extreme_singular_values(w)
    assert found.sigma_min <= rounding(200) * found.sigma_max


@pytest.mark.usefixtures("near_and_far")
@every_shape
def test_the_vector_and_the_root_belong_to_the_matrix(shape):
    w = normal(*shape)
    found = extreme_singular_values(w)
    assert float(torch.linalg.vector_norm(w @ found.vector)) == pytest.approx(found.sigma_min)
    assert float(torch.linalg.vector_norm(found.vector)) == pytest.approx(1)
    if found.root is not None:
        torch.testing.assert_close(found.root.T @ found.root, w.T @ w)


@pytest.mark.usefixtures("near_and_far")
@every_shape
def test_zero_and_identity(shape):
    assert extreme_singular_values(torch.zeros(shape)).sigma_max == 0
    found = extreme_singular_values(torch.eye(*shape))
    assert found.sigma_max == pytest.approx(1, rel=rounding(200))
    assert found.sigma_min == pytest.approx(1, rel=rounding(200))


@every_shape
def test_scale_is_taken_out_again(shape):
    w = normal(*shape, seed=4)
    plain, scaled = extreme_singular_values(w), extreme_singular_values(w * 2.0**600, 2.0**-600)
    slack = CERTIFIED + rounding(200, plain.sigma_max / plain.sigma_min)
    assert scaled.sigma_max / 2.0**600 == pytest.approx(plain.sigma_max, rel=CERTIFIED)
    assert scaled.sigma_min / 2.0**600 == pytest.approx(plain.sigma_min, rel=slack)


def test_shares_of_a_step_give_the_same_numbers_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(operators, "SHARE", 1 << 12)
    monkeypatch.setattr(extremes, "ENDS_FROM", 1)
    w = torch.randn(200, 200, generator=torch.Generator().manual_seed(0))
    norms = []
    for threads in (1, 2, 3):
        with cores(threads):
            norms.append(spectral_norm(w))
    assert len(set(norms)) == 1
    assert norms[0] == pytest.approx(float(torch.linalg.matrix_norm(w.double(), 2)), rel=CERTIFIED)


def test_a_factorisation_in_place_leaves_the_matrix_alone():
    w = normal(200, 200)
    before = w.clone()
    extreme_singular_values(w)
    assert torch.equal(w, before)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("size", [1e9, 1e14, 1e-14])
@pytest.mark.usefixtures("near_and_far")
def test_values_beyond_the_squares_of_float32_are_measured(shape, size):
    w = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found, s_n = extreme_singular_values(w * size), torch.linalg.svdvals(w)
    assert found.sigma_max / size == pytest.approx(float(s_n[0]), rel=CERTIFIED)


@pytest.mark.usefixtures("near_and_far")
def test_values_that_all_agree_end_the_search_at_once(monkeypatch):
    steps = []

    def counted(*given, **more):
        pair = largest_ritz_pair(*given, **more)
        steps.append(pair.steps)
        return pair

    monkeypatch.setattr(extremes, "largest_ritz_pair", counted)
    w = torch.linalg.qr(torch.randn(200, 200, generator=torch.Generator().manual_seed(0))).Q
    found = extreme_singular_values(w)
    assert found.sigma_max == pytest.approx(
        float(torch.linalg.svdvals(w.double())[0]), rel=CERTIFIED
    )
    assert steps[0] <= CHECK_EVERY


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("end", ["small", "large"])
@pytest.mark.parametrize("gap", [3e-5, 3e-6, 3e-8])
@pytest.mark.usefixtures("near_and_far")
def test_the_stated_error_covers_ten_values_that_nearly_agree(with_spectrum, shape, end, gap):
    """One vector alone sees one of them, and takes the gap beside all of them for its own."""
    near = 1 + gap * torch.arange(10, dtype=torch.float64)
    far = torch.linspace(2, 10, 190, dtype=torch.float64)
    s_n = torch.cat([near, far]) if end == "small" else 1 / torch.cat([near, far])
    found = extreme_singular_values(with_spectrum(*shape, s_n.sort(descending=True).values))
    if found is not None:
        kappa = found.sigma_max / found.sigma_min
        assert abs(kappa / float(s_n.max() / s_n.min()) - 1) <= found.relative_error + rounding(
            200, 10
        )
