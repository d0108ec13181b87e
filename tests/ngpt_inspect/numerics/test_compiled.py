"""One compiled pass over a tile finds what torch finds, and what brute force says."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from tolerances import rounding

from ngpt_inspect.numerics import compiled, pairs, pairwise, tiles
from ngpt_inspect.numerics.neighbours import Closest
from ngpt_inspect.numerics.pairs import all_pairs
from ngpt_inspect.numerics.pairwise import Dots
from ngpt_inspect.numerics.spread import Covering

WANTS = (Dots(), Dots(normalize=True), Closest(0.9), Closest(0.5), Covering(3))
PLAIN = 1 << 60
MOVED = 16
"""Of 8,000 values about one lies within rounding of one of a thousand edges."""
COLUMNS = 7


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    pytest.importorskip("numba", reason="the extra `compiled` is not installed")
    monkeypatch.setattr(tiles, "TILE_ROWS", 32)
    monkeypatch.setattr(tiles, "DIAGONAL_ROWS", 8)
    for each in (pairs, pairwise):
        monkeypatch.setattr(each, "SORTED_PAIRS", 0)


def cloud(count=131):
    x = torch.randn(count, COLUMNS, generator=torch.Generator().manual_seed(3)) + 0.2
    x[::29] = 0
    x[5], x[120] = x[80] * 2, -x[81]
    return x


def found(monkeypatch, x, wants, from_pairs):
    monkeypatch.setattr(compiled, "FROM_PAIRS", from_pairs)
    return all_pairs(x, wants)


TOGETHER = [*([want] for want in WANTS), WANTS[:2], WANTS[1:3], WANTS[:3]]
"""What is asked for on its own somewhere."""


@pytest.mark.parametrize(
    ("wants", "power"),
    [*((wants, 0) for wants in TOGETHER), (WANTS, 0), (WANTS, -130), (WANTS, 90)],
)
def test_it_finds_what_torch_finds(monkeypatch, wants, power):
    x = torch.ldexp(cloud(), torch.tensor(power))
    plain, fast = (found(monkeypatch, x, wants, n) for n in (PLAIN, 0))
    for want, value in plain.items():
        other = fast[want]
        if isinstance(want, Dots):
            # A sum of P squares in another order. What lies at the edge of one of 2^18 bins, to
            # rounding, may be counted in the next; and then a quantile is of that one.
            assert other.std == pytest.approx(value.std, rel=rounding(64, dtype=torch.float32))
            assert abs(other.counts - value.counts).sum() <= MOVED
            assert abs(other.quantiles - value.quantiles).max() <= value.quantile_error
            other = replace(other, std=value.std, counts=value.counts, quantiles=value.quantiles)
        assert str(other) == str(value)


def test_rows_that_are_far_shorter_than_others(monkeypatch):
    """Their rows are divided by their norms before products are taken, not after too."""
    x = cloud()
    x[40:50] *= 2.0**-50
    cosines, near = WANTS[1:3]
    plain, fast = (found(monkeypatch, x, [cosines, near], n) for n in (PLAIN, 0))
    assert fast[cosines].std == pytest.approx(plain[cosines].std, rel=1e-6)
    assert torch.equal(fast[near].cosine_V.nan_to_num(9), plain[near].cosine_V.nan_to_num(9))
    assert torch.equal(fast[near].duplicates_V, plain[near].duplicates_V)


@pytest.mark.parametrize("from_pairs", [PLAIN, 0], ids=["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_row_far_longer_than_all_others(monkeypatch, from_pairs, dtype):
    x = cloud().to(dtype) * (1e-38 if dtype == torch.float32 else 1e-200)
    x[0] = 1e10
    products = x.double() @ x.double().T
    i, j = torch.triu_indices(len(x), len(x), 1)
    raw = found(monkeypatch, x, WANTS[:1], from_pairs)[WANTS[0]]
    assert raw.counts.sum() == len(i)
    assert raw.std == pytest.approx(float(products[i, j].std(correction=0)), rel=1e-9)
    assert raw.largest[0].value == pytest.approx(float(products[i, j].max()), rel=1e-12)


def test_directions_that_differ_by_rounding_alone(monkeypatch):
    """Their neighbours are looked for in float64."""
    x = torch.randn(90, 64, generator=torch.Generator().manual_seed(4)) + 3e4
    covering, near = WANTS[4], Closest(2.0)
    plain, fast = (found(monkeypatch, x, [covering, near], n)[covering] for n in (PLAIN, 0))
    for each in (pairs, pairwise):
        monkeypatch.setattr(each, "SORTED_PAIRS", 1 << 22)
    in_float64 = found(monkeypatch, x, [covering], PLAIN)[covering]
    for each in (plain, fast):
        assert each.dimension == pytest.approx(in_float64.dimension, rel=1e-9)
        assert torch.equal(each.occurrences_N, in_float64.occurrences_N)


def test_it_finds_what_brute_force_says(monkeypatch):
    x = cloud()
    raw, cosines, near = (found(monkeypatch, x, WANTS[:3], 0)[want] for want in WANTS[:3])
    assert isinstance(cosines.counts, np.ndarray)
    wide = x.double().numpy()
    i, j = np.triu_indices(len(wide), 1)
    products = (wide @ wide.T)[i, j]
    in_float32 = rounding(COLUMNS, dtype=torch.float32)
    assert raw.counts.sum() == raw.n_pairs == len(products)
    assert raw.std == pytest.approx(products.std(), rel=in_float32 * 64)
    assert [pair.value for pair in raw.largest] == pytest.approx(np.sort(products)[:-11:-1])
    assert [pair.value for pair in raw.smallest] == pytest.approx(np.sort(products)[:10])
    lengths = np.linalg.norm(wide, axis=1)
    sound = lengths > 0
    unit = wide[sound] / lengths[sound, None]
    of_pairs = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
    moved = abs(np.histogram(of_pairs, cosines.edges)[0] - cosines.counts).sum()
    assert moved <= MOVED
    square = unit @ unit.T - 2 * np.eye(len(unit))
    best = near.cosine_V[torch.from_numpy(sound)].numpy()
    assert best == pytest.approx(square.max(1).clip(-1, 1), abs=in_float32)
    assert near.duplicates_V[torch.from_numpy(sound)].tolist() == (square >= 0.9).sum(1).tolist()


def test_threads_change_no_number(monkeypatch):
    one = found(monkeypatch, cloud(), WANTS, 0)
    torch.set_num_threads(3)
    try:
        three = found(monkeypatch, cloud(), WANTS, 0)
    finally:
        torch.set_num_threads(1)
    assert str(one) == str(three)


@pytest.mark.parametrize("error", [ImportError("no numba"), RuntimeError("no folder to write to")])
def test_without_it_torch_does_all(monkeypatch, error):
    class Refusing:
        def find_spec(self, name, path=None, target=None):
            if name == "ngpt_inspect.numerics.loops":
                raise error

    plain = found(monkeypatch, cloud(), WANTS, PLAIN)
    monkeypatch.delitem(sys.modules, "ngpt_inspect.numerics.loops", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    assert str(found(monkeypatch, cloud(), WANTS, 0)) == str(plain)
