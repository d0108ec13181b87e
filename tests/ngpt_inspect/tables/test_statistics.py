"""Histograms and pooled layers, against a recomputation by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from models import series_of, tiny_ngpt, write_reference
from tolerances import rounding

import ngpt_inspect as ni
from ngpt_inspect.measures import Summary
from ngpt_inspect.tables.statistics import MOST_BINS, STATISTICS


def of(kind: Summary, values: np.ndarray) -> dict[str, object]:
    return dict(STATISTICS[kind](values))


@pytest.mark.parametrize("n", [2, 27, 1000, 10**6])
def test_histogram_counts_every_value_once_in_equal_bins(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    found = of(Summary.HISTOGRAM, values)
    left, count = found["bin_left"], found["bin_count"]
    n_bins = min(int(np.ceil(2 * n ** (1 / 3))), MOST_BINS)
    assert len(left) == len(count) == n_bins
    edges = [*left, values.max()]
    assert np.diff(edges) == pytest.approx((values.max() - values.min()) / n_bins)
    inside = [(values >= a) & (values < b) for a, b in pairwise(edges[:-1])]
    by_hand = [*(each.sum() for each in inside), (values >= edges[-2]).sum()]
    assert list(count) == by_hand
    assert count.sum() == n


@pytest.mark.parametrize("values", [[3.0, 3.0, 3.0], [1.0, np.nextafter(1.0, 2)], [7.0]])
def test_values_without_spread_are_one_bin(values: list[float]) -> None:
    found = of(Summary.HISTOGRAM, np.array(values))
    assert list(found["bin_count"]) == [len(values)]
    assert list(found["bin_left"]) == [values[0]]


def test_logarithmic_bins_have_one_ratio_and_zeros_are_counted() -> None:
    values = np.concatenate([np.geomspace(1e-3, 1e3, 500), [0.0, 0.0, -1.0]])
    found = of(Summary.LOG_HISTOGRAM, values)
    ratios = found["bin_left"][1:] / found["bin_left"][:-1]
    assert ratios == pytest.approx(ratios[0])
    assert found["bin_count"].sum() == 500
    assert found["bin_zero"] == 3


def test_magnitude_is_of_absolute_values() -> None:
    values = np.array([-4.0, -2.0, 1.0, 3.0, 5.0])
    sizes = [1.0, 2.0, 3.0, 4.0, 5.0]
    wanted = {"abs_mean": 3.0, "abs_low": sizes[1], "abs_high": sizes[3]}
    assert of(Summary.MAGNITUDE, values) == wanted


def test_layers_are_pooled_into_one_distribution(tmp_path: Path) -> None:
    model = tiny_ngpt()
    path = write_reference(model, tmp_path / "x.safetensors")
    table = ni.summarise(ni.measure(path, ["eigen_learning_rates", "scaling_factors"]))
    for role, quantity in (("alpha_A", "eigen_learning_rate"), ("s_nu", "scaling_factor")):
        values = np.concatenate([model.effective(role, layer).ravel() for layer in (0, 1)])
        rows = table[(table["role"] == role) & table["layer"].isna()]
        stored = rounding(values.size, np.abs(values).max() / values.min(), torch.float32)
        mean = rows[series_of(rows) == f"mean {quantity}"]["value"].item()
        assert mean == pytest.approx(values.mean(), rel=stored)
        counts = rows[series_of(rows) == f"bin_count {quantity}"]["value"]
        assert counts.sum() == values.size
        left = rows[series_of(rows) == f"bin_left {quantity}"]["value"]
        assert left.iloc[0] == pytest.approx(values.min(), rel=stored)
    assert not pd.isna(table[series_of(table) == "mean scaling_factor"]["layer"]).all()


def test_sizes_have_no_density_below_zero_and_all_of_it_above() -> None:
    sizes = np.abs(np.random.default_rng(0).normal(size=400))
    found = of(Summary.DENSITY, sizes)
    at, density = found["density_at"], found["density"]
    assert at[0] == 0
    # of a half-normal distribution all but the kernels' far tails lies within what is drawn
    assert np.trapezoid(density, at) == pytest.approx(1, abs=2e-3)
    bandwidth = len(sizes) ** (-1 / 5) * sizes.std(ddof=1)
    mirrored = np.concatenate((sizes, -sizes))
    kernels = np.exp(-0.5 * ((at[:, None] - mirrored) / bandwidth) ** 2)
    expected = kernels.sum(1) / (len(sizes) * bandwidth * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(density, expected, rtol=1e-10)


def test_signed_values_keep_their_density_on_both_sides() -> None:
    values = np.random.default_rng(1).normal(size=400)
    found = of(Summary.DENSITY, values)
    assert found["density_at"][0] < values.min()
    assert np.trapezoid(found["density"], found["density_at"]) == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("size", [2.0**-1000, 2.0**-560, 1.0, 2.0**530, 2.0**1000])
def test_mean_and_spread_of_values_of_any_size(size: float) -> None:
    values = np.random.default_rng(0).lognormal(size=50)
    found = dict(STATISTICS[Summary.MEAN](values * size))
    assert found == {"mean": values.mean() * size, "std": values.std() * size}
