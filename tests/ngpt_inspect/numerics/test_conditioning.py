import math

import pytest
import torch
from draws import normal, orthogonal
from tolerances import rounding, singular

from ngpt_inspect.numerics import conditioning, extremes
from ngpt_inspect.numerics.conditioning import condition_number, condition_numbers
from ngpt_inspect.numerics.extremes import CERTIFIED
from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.numerics.resolution import rounding_errors


@pytest.fixture
def ends_always(monkeypatch):
    """Take the route for large matrices at any size."""
    monkeypatch.setattr(conditioning, "ENDS_FROM", {"square": 1, "tall": 1})


@pytest.mark.parametrize("power", range(1, 13))
def test_constructed_condition_numbers(with_spectrum, ends_always, power):
    """Right to 1e-5 up to 1e9, and never wrong by more than 1 % without saying so."""
    s_n = torch.logspace(0, -power, 256, dtype=torch.float64)
    w = with_spectrum(256, 256, s_n, seed=power)
    for route in (condition_number, lambda x: condition_numbers(x.unsqueeze(0))[0]):
        found = route(w)
        error = abs(found.kappa / 10**power - 1)
        assert error <= found.relative_error + rounding(256, 10**power)
        if power <= 9:
            assert error <= 1e-5
            assert found.status == "ok"
        if error > 0.01:
            assert found.status != "ok"


@pytest.mark.parametrize("shape", [(150, 150), (300, 128), (128, 300)])
@pytest.mark.parametrize("power", [1, 8])
def test_both_routes_agree(with_spectrum, ends_always, shape, power):
    w = with_spectrum(*shape, torch.logspace(0, -power, min(shape)), seed=power)
    ends, whole = condition_number(w), condition_numbers(w.unsqueeze(0))[0]
    assert "lanczos" in ends.method
    assert "lanczos" not in whole.method
    slack = CERTIFIED + singular(min(shape), 10**power)
    assert ends.sigma_max == pytest.approx(whole.sigma_max, rel=CERTIFIED)
    assert ends.kappa == pytest.approx(whole.kappa, rel=slack)


def test_what_the_ends_do_not_prove_is_decomposed(monkeypatch, ends_always):
    monkeypatch.setattr(extremes, "MAX_VECTORS", 10)
    found = condition_number(torch.randn(200, 200, generator=torch.Generator().manual_seed(0)))
    assert found.method in {"gram", "svd"}


@pytest.mark.parametrize("size", [3, 640])
def test_identity_is_perfectly_conditioned(size):
    found = condition_number(torch.eye(size))
    assert found.kappa == pytest.approx(1, rel=rounding(size))
    assert found.status == "ok"


@pytest.mark.parametrize("shape", [(3, 3), (6, 3), (3, 6)])
def test_rank_one_and_zero_are_infinite(shape):
    for w in (torch.ones(shape), torch.zeros(shape)):
        found = condition_number(w)
        assert found.kappa == math.inf
        assert found.status == "rank_deficient"


@pytest.mark.parametrize("shape", [(90, 90), (200, 90), (90, 200)])
def test_rank_one_and_zero_are_infinite_by_their_ends(ends_always, shape):
    test_rank_one_and_zero_are_infinite(shape)


@pytest.mark.parametrize("shape", [(90, 90), (200, 90)])
def test_one_repeated_column_is_infinite(ends_always, shape):
    w = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    w[:, 5] = w[:, 70]
    assert condition_number(w).status == "rank_deficient"
    assert condition_numbers(w.unsqueeze(0))[0].status == "rank_deficient"


def awkward(rows, columns):
    g = torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows + columns))
    square = torch.ones(columns, columns)
    return {
        "an outlier column": g * torch.logspace(0, 3, columns),
        "graded rows": g * torch.logspace(-4, 3, rows).unsqueeze(1),
        "nearly equal columns": g[:, :1] + 1e-6 * g,
        "a large mean": g + 100,
        "two clusters of equal values": torch.block_diag(*[square[:2, :2] + torch.eye(2)] * 20),
        "triangular": torch.triu(square),
        "growth under pivoting": 2 * torch.eye(columns) - torch.tril(square),
        "a permutation": torch.eye(columns).flip(0),
        "sparse": g * (g.abs() > 1.5),
        "tiny": g.double() * 1e-200,
        "huge": g.double() * 1e200,
    }


@pytest.mark.parametrize("shape", [(40, 40), (41, 40), (120, 40), (7, 7), (9, 3)])
@pytest.mark.parametrize("kind", list(awkward(2, 2)))
def test_awkward_matrices(ends_always, kind, shape):
    w = awkward(*shape)[kind]
    found, s_n = condition_number(w), torch.linalg.svdvals(w.double())
    assert found.sigma_max == pytest.approx(float(s_n[0]), rel=CERTIFIED)
    eps = max(w.shape) * 2.0**-52
    if found.status == "rank_deficient":
        assert float(s_n[-1]) <= 3 * eps * float(s_n[0])
    else:
        kappa = float(s_n[0] / s_n[-1])
        slack = found.relative_error + CERTIFIED + eps * kappa
        assert found.kappa == pytest.approx(kappa, rel=slack)


def test_one_row_has_condition_number_one():
    assert condition_number(torch.tensor([[3.0, 4.0]])).kappa == 1


@pytest.mark.parametrize(("d_model", "median"), [(1024, 1.63), (1280, 1.53)])
def test_heads_of_random_unit_rows(unit_rows, d_model, median):
    """The paper's models at initialisation: 64 x d heads."""
    heads = unit_rows(d_model, d_model).view(-1, 64, d_model)
    kappas = torch.tensor([c.kappa for c in condition_numbers(heads)])
    assert kappas.median().item() == pytest.approx(median, abs=0.015)


def test_whole_random_unit_rows(unit_rows):
    """A whole square matrix is about a thousandfold worse than its heads; an MLP matrix near 3."""
    assert 300 < condition_number(unit_rows(1024, 1024)).kappa < 1e5
    assert condition_number(unit_rows(4096, 1024)).kappa == pytest.approx(2.97, abs=0.03)


def test_a_true_singular_value_under_the_storage_noise_is_said_to_be(with_spectrum):
    s_n = torch.linspace(1, 0.5, 64, dtype=torch.float64)
    s_n[-1] = 1e-7
    true = with_spectrum(64, 64, s_n)
    assert condition_number(true).kappa == pytest.approx(1e7, rel=rounding(64, 1e7))
    assert condition_number(true).status == "ok"
    for dtype in (torch.bfloat16, torch.float16):
        found = condition_number(true.to(dtype))
        assert found.status == "below_resolution"
        assert math.isfinite(found.kappa)
        assert found.sigma_min <= found.resolution
        assert found.storage_uncertainty > 1 / 3
    assert condition_number(true.float()).status == "ok"
    widened = true.bfloat16().float()
    assert condition_number(widened).status == "ok"
    errors = rounding_errors(true.bfloat16())
    assert condition_number(widened, errors_OI=errors).status == "below_resolution"


def test_bfloat16_storage_of_a_square_gaussian_is_uncertain_but_resolved():
    w = normal(1024, 1024, seed=3)
    true, stored = condition_number(w), condition_number(w.bfloat16())
    assert stored.status == "ok"
    assert 0.01 < stored.storage_uncertainty < 1
    assert abs(stored.kappa / true.kappa - 1) <= stored.storage_uncertainty
    assert true.storage_uncertainty < rounding(1024, true.kappa)


def rerounded(w, dtype, times=16):
    """What storing multiples of a matrix makes of kappa: its ratios to the true one, statuses."""
    s_n = torch.linalg.svdvals(w)
    factors = torch.logspace(0, 1, times + 1, base=2, dtype=torch.float64)[:-1]
    found = [condition_number((w * factor).to(dtype)) for factor in factors]
    return [c.kappa / float(s_n[0] / s_n[-1]) for c in found], {c.status for c in found}


GRADED = {
    "rows 64 x 1024, kappa 1e6": normal(64, 1024) * torch.logspace(0, -6, 64).unsqueeze(1),
    "rows 1024 x 64, kappa 1e6": normal(1024, 64) * torch.logspace(0, -6, 64),
    "half of a head decayed": normal(64, 768) * torch.logspace(0, -4, 2).repeat(32)[:, None],
    "an orthogonal square": orthogonal(128) * torch.logspace(0, -4, 128).unsqueeze(1),
}


@pytest.mark.parametrize("w", GRADED.values(), ids=GRADED)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_graded_matrices_that_rounding_hardly_moves_are_ok(w, dtype):
    """Each entry keeps its digits, so a small singular value made of small rows keeps its own."""
    ratios, statuses = rerounded(w, dtype)
    assert max(abs(math.log(ratio)) for ratio in ratios) < 0.1
    assert statuses == {"ok"}


@pytest.mark.parametrize("seed", range(4))
def test_kappa_that_rounding_moves_by_half_is_never_ok(with_spectrum, seed):
    """A true kappa of 1e3 that comes out of bfloat16 as about 550 says that it may."""
    s_n = torch.ones(64, dtype=torch.float64)
    s_n[-1] = 1e-3
    ratios, statuses = rerounded(with_spectrum(256, 64, s_n, seed=seed), torch.bfloat16)
    assert min(ratios) < 1 / 1.5
    assert statuses == {"below_resolution"}


@pytest.mark.parametrize("shape", [(1024, 1024), (700, 640)])
def test_both_routes_judge_storage_alike(with_spectrum, monkeypatch, shape):
    w = with_spectrum(*shape, torch.logspace(0, -3, min(shape))) * torch.logspace(0, 1, shape[1])
    ends = condition_number(w.bfloat16())
    assert "lanczos" in ends.method
    monkeypatch.setattr(conditioning, "ENDS_FROM", {"square": 9999, "tall": 9999})
    whole = condition_number(w.bfloat16())
    assert ends.resolution == pytest.approx(whole.resolution, rel=0.01)
    assert ends.shift == pytest.approx(whole.shift, rel=0.01)


def test_a_parameter_is_measured_like_its_values(ends_always):
    w = torch.nn.Parameter(normal(20, 20))
    assert condition_number(w) == condition_number(w.detach())


def test_heads_are_judged_one_by_one():
    heads = torch.randn(3, 64, 16, generator=torch.Generator().manual_seed(0))
    heads[1, :, 3] = heads[1, :, 4]
    heads[2] *= 1e-3
    statuses = [c.status for c in condition_numbers(heads)]
    assert statuses == ["ok", "rank_deficient", "ok"]
    resolutions = [c.resolution for c in condition_numbers(heads)]
    assert resolutions[2] < 0.01 * resolutions[0]


@pytest.mark.parametrize("call", [condition_number, lambda w: condition_numbers(w.unsqueeze(0))])
def test_nan_and_empty_are_refused(call):
    with pytest.raises(NonFinite):
        call(torch.full((2, 2), float("nan")))
    with pytest.raises(ValueError, match="shape"):
        call(torch.zeros(0, 2))


def test_stacks_and_matrices_are_not_confused():
    with pytest.raises(ValueError, match="expected a matrix"):
        condition_number(torch.zeros(2, 2, 2))
    with pytest.raises(ValueError, match="expected a stack"):
        condition_numbers(torch.zeros(2, 2))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("shape", [(700, 700), (1400, 1300), (64, 300)])
def test_a_gpu_gives_the_same_numbers(shape):
    w = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    here, there = condition_number(w), condition_number(w.cuda())
    slack = CERTIFIED + singular(min(shape), here.kappa)
    assert there.kappa == pytest.approx(here.kappa, rel=slack)
    assert there.sigma_max == pytest.approx(here.sigma_max, rel=CERTIFIED)
    assert there.shift == pytest.approx(here.shift, rel=0.01)
