"""Estimates from drawn rows, over seeds, against what all rows give."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from draws import normal

from ngpt_inspect.numerics import binning
from ngpt_inspect.numerics.clouds import (
    covariance_matrix,
    eigenvalues_of,
    iso_score,
    iso_score_of,
)
from ngpt_inspect.numerics.directions import anisotropy, row_norms
from ngpt_inspect.numerics.pairs import nearest_rows, pairwise_dots
from ngpt_inspect.numerics.pairwise import Dots
from ngpt_inspect.numerics.sampled_cloud import sampled_cloud
from ngpt_inspect.numerics.sampled_pairs import sampled_dots, sampled_nearest
from ngpt_inspect.numerics.sampling import drawn, quantile_errors, share_error

SEEDS = range(30)


def cloud(count: int, width: int) -> torch.Tensor:
    """Return rows of clusters about a mean, of many lengths, columns of many sizes."""
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((40, width))
    rows = centres[rng.integers(0, 40, count)] + rng.standard_normal((count, width)) + 0.3
    return torch.tensor(rows * rng.lognormal(0, 0.3, (count, 1)) * np.linspace(0.5, 2, width))


def covered(estimates: list[float], errors: list[float], truth: float) -> None:
    """Of normal errors 68 % lie within one and 95 % within two: by chance alone not far fewer."""
    off = np.abs(np.array(estimates) - truth) / np.array(errors)
    least = [share - 3 * math.sqrt(share * (1 - share) / len(off)) for share in (0.68, 0.95)]
    assert np.mean(off < 1) >= least[0], off
    assert np.mean(off < 2) >= least[1], off
    assert np.mean(off) > 0.1, "the errors say nothing"


def test_rows_are_drawn_alike_and_each_once() -> None:
    assert drawn(5, 5).tolist() == drawn(5, 9).tolist() == [0, 1, 2, 3, 4]
    times = torch.zeros(10)
    for seed in range(300):
        ids = drawn(10, 3.7, seed)
        assert len(ids) == 3
        assert (ids.diff() > 0).all()
        times[ids] += 1
    assert (times - 90).abs().max() < 4 * math.sqrt(300 * 0.3 * 0.7)


def test_products_of_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binning, "FINE_BINS", 1 << 12)  # of many samples of 32 groups
    x = cloud(3000, 8)
    for normalize in (False, True):
        want = Dots(normalize=normalize, budget=16 * 32 * 12 * 12 / 2, n_levels=11)
        whole = pairwise_dots(x, normalize=normalize, n_levels=11, exact=True)
        found = [sampled_dots(x, [want], seed)[0] for seed in SEEDS]
        assert {(f.n_pairs, f.exact) for f in found} == {(whole.n_pairs, False)}
        means = [f.mean_standard_error for f in found]
        covered([f.mean for f in found], means, whole.mean)
        covered([f.std for f in found], [f.std_standard_error for f in found], whole.std)
        middle = [float(f.quantile_standard_errors[5]) for f in found]
        covered([float(f.quantiles[5]) for f in found], middle, float(whole.quantiles[5]))
        unit = x / x.norm(dim=1, keepdim=True) if normalize else x
        for pair in (*found[0].largest, *found[0].smallest):
            assert math.isclose(pair.value, float(unit[pair.first] @ unit[pair.second]))


def test_no_row_is_left_out_of_few() -> None:
    x = cloud(60, 8)
    (found,) = sampled_dots(x, [Dots(budget=1e9)])
    assert found is not None
    assert found.exact
    assert found.mean_standard_error == 0
    assert found.quantiles.tolist() == pairwise_dots(x).quantiles.tolist()
    assert sampled_dots(x[:1], [Dots(budget=1e9)]) == [None]


@pytest.mark.parametrize("sound", [0, 1, 40, 200])
def test_of_rows_that_hardly_have_a_direction_all_are_looked_at(sound: int) -> None:
    x = torch.zeros(3000, 8, dtype=torch.float64)
    x[:sound] = cloud(sound, 8)
    (found,) = sampled_dots(x, [Dots(normalize=True, budget=16 * 32 * 12 * 12 / 2)])
    if sound < 2:
        assert found is None
        return
    whole = pairwise_dots(x, normalize=True, exact=True)
    assert found is not None
    assert (found.n_pairs, found.mean) == (whole.n_pairs, whole.mean)
    assert found.exact == (found.pairs_measured == whole.n_pairs) == (sound == 40)
    assert (found.quantile_standard_errors is None) == found.exact


def test_nearest_of_some_rows() -> None:
    x = cloud(2000, 6)
    x[7] = 0
    x[100:400] = x[500:800] * torch.linspace(1, 2, 300)[:, None]
    x[900] = 1e-200 * x[901]
    whole = nearest_rows(x, duplicate=0.999)
    assert int(whole.partner_V[900]) == 901
    share, median = (
        float((whole.duplicates_V > 0).double().mean()),
        float(whole.cosine_V.nanmedian()),
    )
    shares, medians = [], []
    for seed in SEEDS:
        found = sampled_nearest(x, 0.999, budget=2 * 2000 * 6 * 150, seed=seed)
        ids, n = found.ids_K, len(found.ids_K)
        assert 148 <= n <= 150
        torch.testing.assert_close(found.cosine_K, whole.cosine_V[ids], rtol=1e-12, atol=0)
        assert (found.duplicates_K == whole.duplicates_V[ids]).all()
        hits, chance = int((found.duplicates_K > 0).sum()), 1 - n / 2000
        shares.append((hits / n, share_error(hits, n, chance)))
        error = quantile_errors(found.cosine_K, torch.tensor([0.0, 0.5]), chance)
        assert error[0] > 0
        medians.append((float(found.cosine_K.median()), float(error[1])))
    for found_all, truth in ((shares, share), (medians, median)):
        covered([f[0] for f in found_all], [f[1] for f in found_all], truth)


def test_the_cloud_of_some_rows() -> None:
    x, width = cloud(4000, 12), 12
    truth = eigenvalues_of(covariance_matrix(x))
    found = [sampled_cloud(x, 40 * width, seed=seed) for seed in SEEDS]
    scalars = {
        "mean_norm": float(row_norms(x).mean()),
        "anisotropy": anisotropy(x),
        "iso_score": iso_score(truth),
    }
    for name, true in scalars.items():
        values = [getattr(f, name) for f in found]
        covered([float(v.value) for v in values], [float(v.error) for v in values], true)
    for rank in range(width):
        values = [float(f.eigenvalues.value[rank]) / f.scale**2 for f in found]
        errors = [float(f.eigenvalues.error[rank]) / f.scale**2 for f in found]
        covered(values, errors, float(truth[rank]))


def test_equal_eigenvalues_are_within_what_is_said() -> None:
    """The ends of a sample's spectrum go wrong as the square root of columns over rows."""
    x = normal(20000, 32)
    truth = eigenvalues_of(covariance_matrix(x))
    found = sampled_cloud(x, 16 * 32).eigenvalues
    assert ((found.value - truth).abs() / found.error).max() < 2.5
    raw = eigenvalues_of(covariance_matrix(x[drawn(20000, 16 * 32)]))
    assert (found.value - truth).norm() < 0.7 * (raw - truth).norm()


def test_iso_score_without_eigenvalues() -> None:
    eigenvalues = torch.tensor([4.0, 1.0])
    assert math.isclose(iso_score_of(5.0, math.sqrt(17), 2), iso_score(eigenvalues))
