import numpy as np
import pytest
import torch

from ngpt_inspect.numerics.binning import Tally, coarse_bins, quantiles
from ngpt_inspect.numerics.tiles import Tile


def tile_of(values):
    return Tile(values, 0, 0, len(values), float(values.min()), float(values.max()), False)


def test_more_equal_values_than_float32_can_count():
    """torch.histc stops at 2^24 in one call."""
    values = torch.full((2**24 + 3,), 0.25)
    tally = Tally(1.0, 0.0)
    tally.add(tile_of(values))
    assert tally.counts.sum() == 2**24 + 3
    assert tally.counts.max() == 2**24 + 3
    assert tally.counts.dtype == "int64"


def test_bins_of_a_tally():
    tally = Tally(2.0, 0.5)
    tally.add(tile_of(torch.tensor([-2.0, 0.0, 1.0, 2.0])))
    lower_edges = tally.counts.nonzero()[0] * tally.width - 2.0
    assert lower_edges.tolist() == pytest.approx([-2, 0, 1, 2 - tally.width])
    assert tally.ends.tolist() == [-2, 2]
    assert tally.squares == pytest.approx(2.5**2 + 0.5**2 + 0.5**2 + 1.5**2)


def test_coarse_bins_hold_every_value():
    tally = Tally(1.0, 0.0)
    values = torch.rand(10000, generator=torch.Generator().manual_seed(0)) - 0.3
    tally.add(tile_of(values.clone()))
    edges, slots = coarse_bins(tally, tally.counts, 7)
    counts = np.add.reduceat(tally.counts, slots)
    assert len(counts) == len(edges) - 1 == 7
    assert counts.sum() == 10000
    expected = np.histogram(values.numpy(), edges)[0]
    assert abs(counts - expected).sum() <= 4


def test_quantiles_are_within_one_bin_even_in_gaps():
    tally = Tally(4.0, 0.0)
    values = torch.tensor([-3.0, -3.0, 0.5, 3.5])
    tally.add(tile_of(values.clone()))
    levels = np.linspace(0, 1, 13)
    off = quantiles(tally, tally.counts, levels) - np.quantile(values.numpy(), levels)
    assert abs(off).max() <= tally.width
