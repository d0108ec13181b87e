import pytest
import torch

from ngpt_inspect.numerics import tiles as tiles_module
from ngpt_inspect.numerics.extreme_pairs import ExtremePairs
from ngpt_inspect.numerics.tiles import TiledRows, over_tiles


def rows_of(x, **options):
    defaults = {"normalize": False, "dtype": torch.float32}
    norms = torch.linalg.vector_norm(x.double(), dim=1)
    return TiledRows(x, torch.arange(len(x)), norms, **(defaults | options))


@pytest.mark.parametrize("count", [2, 3, 8, 9, 17, 40])
def test_every_pair_comes_once(monkeypatch, count):
    monkeypatch.setattr(tiles_module, "TILE_ROWS", 8)
    monkeypatch.setattr(tiles_module, "DIAGONAL_ROWS", 3)
    x = torch.randn(count, 5, generator=torch.Generator().manual_seed(0))
    seen = {}
    for tile in over_tiles(rows_of(x), lambda _, spot, dots: spot.tile(dots.clone())):
        index = torch.arange(len(tile.values_P))
        for pair, value in zip(tile.pairs(index).tolist(), tile.values_P.tolist(), strict=True):
            assert tuple(pair) not in seen
            seen[tuple(pair)] = value
    assert sorted(seen) == [(i, j) for i in range(count) for j in range(i + 1, count)]
    for (i, j), value in seen.items():
        assert value == pytest.approx(float(x[i] @ x[j]), abs=1e-5)


def test_extremes_are_found_across_tiles(monkeypatch):
    monkeypatch.setattr(tiles_module, "TILE_ROWS", 8)
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(1))
    rows, largest, smallest = rows_of(x), ExtremePairs(5, 1), ExtremePairs(5, -1)
    for tile in over_tiles(rows, lambda _, spot, dots: spot.tile(dots.clone())):
        for each in (largest, smallest):
            each.take(each.look(tile, rows.ids_N))
    dots = (x @ x.T).double()
    i, j = torch.triu_indices(50, 50, 1)
    order = dots[i, j].argsort(descending=True)
    for found, ranks in ((largest.found, order[:5]), (smallest.found, order.flip(0)[:5])):
        assert [(a, b) for _, a, b in found] == [(int(i[r]), int(j[r])) for r in ranks]


def test_no_dot_product_exceeds_the_reach():
    x = torch.zeros(3, 4)
    x[0, 0], x[1, 0], x[2, 1] = 3.0, 2.0, 1.0
    assert 6.0 <= rows_of(x).reach < 6.0001
    assert 1.0 <= rows_of(x, normalize=True).reach < 1.0001
