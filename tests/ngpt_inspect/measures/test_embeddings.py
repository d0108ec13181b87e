"""Embedding measures against two vectors worked by hand and against NumPy by brute force."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from measures_helpers import rows_of
from models import Tiny, series_of, tiny_gpt, write_reference
from tolerances import rounding

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.vocabulary import Role

LENGTHS = ("mean_norm", "embedding_norm")
"""In the unit of the rows."""
NOT_SCALED = (
    *("isotropy", "unit_deviation", "unit_excess", "within_unit"),
    *("row_deviation", "column_deviation"),
)
"""They follow the length of the rows in another way."""


def with_embeddings(e_input: np.ndarray, folder: Path) -> Path:
    """Write a GPT with these input embeddings in float64."""
    folder.mkdir(exist_ok=True)
    model: Tiny = replace(tiny_gpt(), vocab_size=len(e_input))
    model = model.changed(E_input=e_input, E_output=e_input)
    return write_reference(model, folder / "x.safetensors", dtype=torch.float64)


def two_vectors(folder: Path) -> Path:
    """(3, 4, 0, ...) and (0, 2, 0, ...): norms 5 and 2, dot 8, cosine 0.8."""
    e_input = np.zeros((2, 16))
    e_input[0, :2], e_input[1, 1] = (3, 4), 2
    return with_embeddings(e_input, folder)


def scalars(table: pd.DataFrame) -> dict[str, float]:
    rows = rows_of(table, role="E_input", index=None)
    return dict(zip(series_of(rows), rows["value"], strict=True))


def column(table: pd.DataFrame, name: str, role: str = "E_input") -> np.ndarray:
    return rows_of(table[series_of(table) == name], role=role)["value"].to_numpy()


def test_spectrum_of_two_vectors(tmp_path: Path) -> None:
    """Mean (1.5, 3), differences +-(1.5, 1): one eigenvalue 3.25, the rest 0."""
    path = two_vectors(tmp_path)
    table = ni.measure(path, "embedding_spectrum", roles=["E_input"])
    told = rows_of(table, measure="covariance_eigenvalue")
    np.testing.assert_allclose(rows_of(told, status="ok")["value"], [3.25], rtol=rounding(16))
    (why,) = rows_of(told, status="skipped")["reason"]
    assert "15 of 16 eigenvalues are zero: 2 rows about their mean span 1 dimensions" in why
    found = scalars(table)
    assert found["mean_norm"] == 3.5
    assert found["anisotropy"] == pytest.approx(0.8, rel=rounding(16))
    isoscore = table[table["measure"] == "isoscore"]
    assert "2 rows cannot fill 16 dimensions" in isoscore["reason"].item()
    # Uncentred: E^T E / 2 has trace (25 + 4) / 2 and determinant (5 * 2 * sin)^2 / 4 = 9.
    raw = ni.measure(path, "embedding_spectrum", roles=["E_input"], uncentred=True)
    first, second = column(raw, "covariance_eigenvalue")[:2]
    assert first + second == pytest.approx(14.5, rel=rounding(16))
    assert first * second == pytest.approx(9.0, rel=rounding(16, 14))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, Path]:
    rng = np.random.default_rng(8)
    rows = rng.standard_normal((60, 16)) * np.linspace(0.2, 2, 16) + 0.3
    return rows, with_embeddings(rows, tmp_path_factory.mktemp("cloud"))


@pytest.mark.parametrize("prefix", ["dot", "cosine"])
def test_dot_products_by_brute_force(prefix: str, cloud: tuple[np.ndarray, Path]) -> None:
    rows, path = cloud
    table = ni.measure(path, "dot_products", roles=["E_input"], bins=40, extremes=3)
    if prefix == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = list(itertools.combinations(range(60), 2))
    products = np.array([rows[i] @ rows[j] for i, j in pairs])
    found = scalars(table)
    n, spread = len(pairs) * 16, np.abs(products).max() / abs(products.mean())
    assert found[f"mean {prefix}"] == pytest.approx(products.mean(), rel=rounding(n, spread))
    assert found[f"std {prefix}"] == pytest.approx(products.std(), rel=rounding(n, spread))
    # sorted, so only the rounding of products is left
    assert 0 < found[f"quantile_error {prefix}"] <= rounding(60) * 16 * np.abs(rows).max() ** 2
    curve_rows = table[series_of(table) == f"quantile {prefix}"]
    assert set(curve_rows["reason"]) == {"products in float64"}
    curve = np.quantile(products, np.linspace(0, 1, 1001))
    slack = rounding(16) * 16 * np.abs(rows).max() ** 2
    np.testing.assert_allclose(column(table, f"quantile {prefix}"), curve, rtol=0, atol=slack)
    order = np.argsort(products)
    for name, best in (("largest", order[::-1][:3]), ("smallest", order[:3])):
        rows_found = table[table["measure"] == f"{prefix}_{name}"]
        named = rows_found[["index", "partner"]].to_numpy().tolist()
        assert [tuple(sorted(pair)) for pair in named] == [pairs[p] for p in best]
        np.testing.assert_allclose(rows_found["value"], products[best], rtol=0, atol=slack)
    left, count = column(table, f"bin_left {prefix}"), column(table, f"bin_count {prefix}")
    assert len(left) == len(count) <= 40
    width = left[1] - left[0]
    by_hand = [((products >= a) & (products < a + width)).sum() for a in left]
    # A product on an edge may fall to either side.
    assert np.abs(count - by_hand).sum() <= 2
    assert count.sum() == len(pairs)


def test_eigenvalues_by_numpy(cloud: tuple[np.ndarray, Path]) -> None:
    rows, path = cloud
    table = ni.measure(path, "embedding_spectrum", roles=["E_output"])
    wanted = np.sort(np.linalg.eigvalsh(np.cov(rows, rowvar=False, ddof=0)))[::-1]
    slack = rounding(60, wanted[0] / wanted[-1])
    found, over = (
        column(table, f"covariance_eigenvalue{end}", "E_output") for end in ("", "_over_median")
    )
    np.testing.assert_allclose(found, wanted, rtol=slack)
    np.testing.assert_allclose(over, wanted / np.median(wanted), rtol=2 * slack)


def test_isotropy_of_directions_does_not_see_how_long_the_rows_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    even = rng.standard_normal((400, 16))
    even /= np.linalg.norm(even, axis=1, keepdims=True)
    short, long = (
        scalars(ni.measure(with_embeddings(rows, at), "embedding_spectrum", roles=["E_input"]))
        for rows, at in ((even, tmp_path / "short"), (10 * even, tmp_path / "long"))
    )
    assert long["unit_isotropy"] == pytest.approx(short["unit_isotropy"], rel=1e-12)
    assert short["isotropy"] == pytest.approx(short["unit_isotropy"], rel=1e-12)
    assert long["isotropy"] < 0.9 * short["isotropy"]


def test_embeddings_that_are_all_alike_give_no_ok_without_a_number(tmp_path: Path) -> None:
    path = with_embeddings(np.ones((30, 16)), tmp_path)
    for name in ("embedding_norms", "embedding_spectrum", "dot_products"):
        table = ni.measure(path, name)
        nothing = table[table["value"].isna()]
        assert (nothing["status"] == "skipped").all(), name
        assert (nothing["reason"] != "").all()


def test_a_token_of_norm_zero_has_no_direction(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((30, 16))
    rows[7] = 0
    table = ni.measure(with_embeddings(rows, tmp_path), "dot_products", roles=["E_input"])
    reason = table.loc[series_of(table) == "mean cosine", "reason"].item()
    assert reason == "1 rows of norm zero left out"
    unit = np.delete(rows, 7, 0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    expected = (unit @ unit.T)[~np.eye(29, dtype=bool)].mean()
    assert scalars(table)["mean cosine"] == pytest.approx(
        expected, rel=rounding(29 * 29, 1 / abs(expected))
    )


ABSOLUTE = ("power_law",)
"""Measures that take values of an absolute size only, as what they agree with does."""
SQUARES = ("dot", "neighbour_dot", "covariance_eigenvalue")
"""Measures of the length of rows squared, which no float64 holds."""
EXTREMES = [2.0**-1000, 2.0**-560, 2.0**530, 2.0**1000]


OF_EMBEDDINGS = [name for name, each in MEASURES.items() if Role.E_INPUT in each.roles]


@pytest.fixture(scope="module")
def of_rows(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], pd.DataFrame]:
    """Return a function giving all that is measured of some rows times a size, once."""
    rows = np.random.default_rng(3).standard_normal((30, 16))

    def table(size: float) -> pd.DataFrame:
        path = with_embeddings(rows * size, tmp_path_factory.mktemp("rows"))
        return ni.summarise(ni.measure(path, OF_EMBEDDINGS, roles=["E_input"]))

    return cache(table)


@pytest.mark.parametrize("size", EXTREMES)
@pytest.mark.parametrize("name", OF_EMBEDDINGS)
def test_values_near_the_ends_of_float64_come_out_right_or_are_skipped(
    name: str, size: float, of_rows: Callable[[float], pd.DataFrame]
) -> None:
    """Each number is that of the same rows near 1 times a power of `size`, or says why not."""
    near, far = (
        table[table["measure"].isin(MEASURES[name].quantities)]
        for table in (of_rows(1.0), of_rows(size))
    )
    nothing = far[~np.isfinite(far["value"])]
    assert (nothing["status"] == "skipped").all()
    assert (nothing["reason"] != "").all()
    places = ["measure", "statistic", "index", "partner"]
    both = near.merge(far, on=places, suffixes=("", "_far"))
    both = both[both["status_far"] == "ok"]
    assert len(both) >= 1 or name in ABSOLUTE
    counts = both["statistic"].isin(["count", "zero", "bin_count"])
    powers = np.where(both["measure"].isin(LENGTHS) & ~counts, size, 1.0)
    same = ~both["measure"].isin(NOT_SCALED)
    off = (both["value_far"] / powers - both["value"])[same].abs()
    assert (off <= 1e-12 * (1 + both["value"][same].abs())).all()
    raw = far[far["measure"].isin(SQUARES)]
    assert len(raw) or not set(SQUARES) & set(MEASURES[name].quantities)
    assert (raw["status"] == "skipped").all()
    told = raw["reason"][raw["measure"] != "neighbour_dot"]
    assert told.str.contains("beyond float64").all()


def test_a_norm_that_no_float64_holds_is_skipped(tmp_path: Path) -> None:
    rows = np.random.default_rng(3).standard_normal((30, 16))
    rows[4] = 1.7e308
    table = ni.measure(with_embeddings(rows, tmp_path), "embedding_norms", roles=["E_input"])
    assert table.loc[table["status"] != "ok", "index"].tolist() == [4]
    assert "beyond the largest float64" in table.loc[4, "reason"]


def test_an_isotropy_that_no_float64_holds_is_skipped(tmp_path: Path) -> None:
    """Z of rows of 1e10 spans exp of as much; of unit rows it does not."""
    rows = np.random.default_rng(3).standard_normal((30, 16)) * 1e10
    table = ni.measure(with_embeddings(rows, tmp_path), "embedding_spectrum", roles=["E_input"])
    found = table[table["measure"].isin(["isotropy", "unit_isotropy"])].set_index("measure")
    assert found["status"].to_dict() == {"isotropy": "skipped", "unit_isotropy": "ok"}
    assert "see unit_isotropy" in found.loc["isotropy", "reason"]
