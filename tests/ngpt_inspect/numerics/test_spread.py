"""Spread over the sphere, against all pairs at once and closed forms of the law."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ngpt_inspect.numerics import pairs, pairwise
from ngpt_inspect.numerics.pairs import spread
from ngpt_inspect.numerics.sphere_law import cosine_law, uniform_potential, uniform_two_nn
from ngpt_inspect.numerics.spread import skewness

STORIES = Path(__file__).parents[4] / "shared/data/weights/stories260K/model.safetensors"
CDF = {
    2: lambda c: 1 - np.arccos(c) / np.pi,
    3: lambda c: (1 + c) / 2,
    5: lambda c: 1 / 2 + (3 * c - c**3) / 4,
}


def sphere(count, width, seed=0):
    rows = torch.randn(count, width, generator=torch.Generator().manual_seed(seed)).double()
    return rows / rows.norm(dim=1, keepdim=True)


def at_once(rows, k, cdf):
    """Potential, distance, occurrences and TwoNN of all pairs in one float64 matrix."""
    unit = (rows / rows.norm(dim=1, keepdim=True)).numpy()
    apart = np.linalg.norm(unit[:, None] - unit[None], axis=2)
    pairs = np.triu_indices(len(unit), 1)
    cosines = np.sort((unit @ unit.T)[pairs])
    law, ranks = cdf(cosines), np.arange(len(cosines) + 1) / len(cosines)
    np.fill_diagonal(apart, np.inf)
    order = np.argsort(apart, axis=1, kind="stable")
    near = np.take_along_axis(apart, order, 1)
    return (
        math.log(np.exp(-2 * apart[pairs] ** 2).mean()),
        max((ranks[1:] - law).max(), (law - ranks[:-1]).max()),
        np.bincount(order[:, :k].ravel(), minlength=len(unit)),
        1 / np.log(near[:, 1] / near[:, 0]).mean(),
    )


@pytest.mark.parametrize("width", CDF)
def test_the_law_is_the_closed_form(width):
    cosines = np.linspace(-1, 1, 1001)
    np.testing.assert_allclose(cosine_law(width).cdf(cosines), CDF[width](cosines), atol=1e-12)


@pytest.mark.parametrize("width", [7, 768])
def test_the_law_has_the_moments_of_the_sphere(width):
    """Variance 1 / d, fourth moment 3 / (d (d + 2)) of one coordinate of a uniform direction."""
    edges = np.linspace(-1, 1, 200_001)
    share, middle = np.diff(cosine_law(width).cdf(edges)), (edges[1:] + edges[:-1]) / 2
    assert (share * middle**2).sum() == pytest.approx(1 / width, rel=1e-6)
    assert (share * middle**4).sum() == pytest.approx(3 / width / (width + 2), rel=1e-5)


@pytest.mark.parametrize("width", CDF)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_number_is_that_of_all_pairs_at_once(width, dtype):
    rows = (3 * sphere(300, width)).to(dtype)
    found = spread(rows, 10)
    potential, distance, occurrences, dimension = at_once(rows.double(), 10, CDF[width])
    assert found.potential == pytest.approx(potential, rel=1e-12)
    assert found.distance == pytest.approx(distance, abs=1e-11)
    assert found.occurrences_N.tolist() == occurrences.tolist()
    assert found.dimension == pytest.approx(dimension, rel=1e-7)


def test_tiles_in_single_precision_and_bins_give_the_same(monkeypatch):
    rows = sphere(2300, 5).float()
    exact = spread(rows[:900], 10)
    for module in (pairs, pairwise):
        monkeypatch.setattr(module, "SORTED_PAIRS", 0)
    binned = spread(rows[:900], 10)
    assert binned.potential == pytest.approx(exact.potential, abs=1e-6)
    assert 0 <= exact.distance - binned.distance + 1e-6 <= binned.distance_error + 2e-6
    assert (binned.occurrences_N - exact.occurrences_N).abs().sum() <= 4, "ties of float32"
    assert binned.dimension == pytest.approx(exact.dimension, rel=1e-6)
    many = spread(rows, 3)
    assert int(many.occurrences_N.sum()) == 3 * 2300, "over several tiles and pieces of them"
    unit = rows.double()
    nearest = (unit @ unit.T).fill_diagonal_(-2).topk(3, 1).indices
    wanted = torch.bincount(nearest.flatten(), minlength=2300)
    assert (many.occurrences_N - wanted).abs().sum() <= 8


def test_uniform_points_are_what_the_law_says():
    """Within five standard errors of 1500 points."""
    rows = sphere(1500, 16)
    found = spread(rows, 10)
    assert found.potential == pytest.approx(uniform_potential(16), abs=0.005)
    assert found.distance < 0.005
    wanted = uniform_two_nn(16, 1500)
    assert found.dimension == pytest.approx(wanted, rel=5 / 1500**0.5)
    assert uniform_two_nn(3, 10_000) == pytest.approx(2, rel=1e-6)
    assert uniform_two_nn(2, 10_000) == pytest.approx(1, rel=1e-5)


def test_two_clusters_are_no_uniform_points():
    rows = sphere(200, 16)
    rows[:100, 0] += 5
    rows[100:, 0] -= 5
    assert spread(rows, 10).distance > 0.4


def test_rows_without_direction_and_rows_that_equal_another():
    rows = torch.cat([sphere(20, 4), torch.zeros(2, 4), sphere(20, 4)[:1]])
    found = spread(rows, 3)
    assert found.ids_N.tolist() == [*range(20), 22]
    assert found.unresolved == 2
    assert math.isfinite(found.dimension)
    assert spread(sphere(2, 4), 3) is None
    assert spread(torch.ones(9, 1), 3) is None


def test_rows_nearer_than_products_tell_have_no_ratio(monkeypatch):
    rows = sphere(400, 16).float()
    rows[:100] = rows[0] + 1e-4 * sphere(100, 16, seed=1).float()
    assert spread(rows, 10).unresolved == 0, "in float64"
    for module in (pairs, pairwise):
        monkeypatch.setattr(module, "SORTED_PAIRS", 0)
    found = spread(rows, 10)
    unit = rows.double() / rows.double().norm(dim=1, keepdim=True)
    apart = torch.cdist(unit[100:], unit).sort(1).values[:, 1:3].numpy()
    assert found.unresolved == 100
    assert found.dimension == pytest.approx(1 / np.log(apart[:, 1] / apart[:, 0]).mean(), rel=1e-5)


def test_skewness():
    assert skewness(torch.tensor([0, 0, 0, 4])) == pytest.approx(2 / 3**0.5)
    assert math.isnan(skewness(torch.tensor([2, 2])))


@pytest.mark.skipif(not STORIES.exists(), reason="nothing at <repository>/../shared/data/weights")
def test_a_trained_embedding():
    rows = load_file(STORIES)["model.embed_tokens.weight"]
    found = spread(rows, 10)
    potential, distance, occurrences, dimension = at_once(rows.double(), 10, cosine_law(64).cdf)
    assert found.potential == pytest.approx(potential, rel=1e-6)
    assert found.distance == pytest.approx(distance, abs=1e-6)
    assert found.occurrences_N.tolist() == occurrences.tolist()
    assert found.dimension == pytest.approx(dimension, rel=1e-6)
    assert found.distance > 0.05, "clusters"
