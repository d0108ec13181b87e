"""Measures of single tokens against numpy, and what they do with rows that have no direction."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from models import Tensors, series_of, tiny_gpt, tiny_ngpt, write_reference
from tolerances import rounding

import ngpt_inspect as ni
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.vocabulary import Status

MODEL = tiny_gpt()
E = MODEL.arrays["E_input", None]
STORED = rounding(16, dtype=torch.float32)
"""What storing rows of sixteen numbers in float32 may change."""


@pytest.fixture
def gpt(tmp_path: Path) -> Path:
    return write_reference(MODEL, tmp_path / "x.safetensors")


def changed(tmp_path: Path, rows: dict[int, object]) -> Path:
    """Write the model with these rows of E_input replaced."""

    def change(tensors: Tensors) -> None:
        tensors["E_input.weight"] = tensors["E_input.weight"].clone()
        for row, value in rows.items():
            source = tensors["E_input.weight"][value] if isinstance(value, int) else value
            tensors["E_input.weight"][row] = source

    return write_reference(MODEL, tmp_path / "x.safetensors", change=change)


def column(table: pd.DataFrame, measure: str, name: str = "value") -> np.ndarray:
    return table.loc[series_of(table) == measure, name].to_numpy()


def all_cosines(e: np.ndarray) -> np.ndarray:
    unit = e / np.linalg.norm(e, axis=1, keepdims=True)
    found = unit @ unit.T
    np.fill_diagonal(found, -np.inf)
    return found


def cosines_with_mean(rows: list[int]) -> np.ndarray:
    """Return the cosines of all rows with the mean direction of some."""
    unit = E / np.linalg.norm(E, axis=1, keepdims=True)
    mean = unit[rows].mean(0)
    return unit @ mean / np.linalg.norm(mean)


def test_nearest_tokens(gpt: Path) -> None:
    expected = all_cosines(E)
    table = ni.measure(gpt, "nearest_tokens", roles=["E_input"], duplicate=0.5)
    np.testing.assert_allclose(column(table, "nearest_cosine"), expected.max(1), rtol=STORED)
    assert column(table, "nearest_cosine", "index").tolist() == list(range(30))
    assert column(table, "nearest_cosine", "partner").tolist() == expected.argmax(1).tolist()
    close = (expected >= 0.5).sum(1)
    assert 0 < (close > 0).sum() < 30
    assert column(table, "near_duplicates").tolist() == close.tolist()
    assert column(table, "near_duplicate_tokens").tolist() == [(close > 0).sum()]
    assert column(table, "near_duplicate_share").tolist() == [(close > 0).mean()]
    assert column(table, "near_duplicate_share", "reason").tolist() == ["cosine of at least 0.5"]
    summary = ni.summarise(table)
    assert column(summary, "median nearest_cosine")[0] == pytest.approx(
        np.median(expected.max(1)), rel=STORED
    )


def test_neighbours(gpt: Path) -> None:
    table = ni.measure(gpt, "neighbours", roles=["E_input"], token="7,20-21", count=3)
    expected = all_cosines(E)
    for token in (7, 20, 21):
        mine = table[table["index"] == token]
        order = np.argsort(-expected[token])[:3]
        assert column(mine, "neighbour_cosine", "partner").tolist() == order.tolist()
        assert column(mine, "neighbour_dot", "partner").tolist() == order.tolist()
        np.testing.assert_allclose(
            column(mine, "neighbour_cosine"), expected[token][order], rtol=STORED, atol=STORED
        )
        np.testing.assert_allclose(column(mine, "neighbour_dot"), E[order] @ E[token], rtol=STORED)
    assert len(table) == 18


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token": "30"}, "token is 30, and there is no such row; token ids are 0 to 29"),
        ({"token": "5-2"}, "token is 5-2, and there is no such row"),
    ],
)
def test_a_token_that_is_not_there(gpt: Path, options: dict[str, str], message: str) -> None:
    table = ni.measure(gpt, "neighbours", roles=["E_input"], **options)
    assert table["status"].tolist() == [Status.SKIPPED]
    assert message in table["reason"].item()


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("5,the", "x: no token 'the' (no tokenizer.json beside x.safetensors"),
        ("5-", "x: no token '5-' (no tokenizer.json"),
        (",", "no token is named"),
        ("9" * 20, "give token ids"),
    ],
)
def test_what_can_be_no_token_of_any_checkpoint_is_refused(
    gpt: Path, token: str, message: str
) -> None:
    with pytest.raises(WrongOption, match=re.escape(message)):
        ni.measure(gpt, "neighbours", token=token)


def test_a_token_without_direction_has_no_neighbours(tmp_path: Path) -> None:
    path = changed(tmp_path, {4: 0.0})
    table = ni.measure(path, "neighbours", roles=["E_input"], token="4")
    assert "token 4 has no cosine" in table["reason"].item()
    near = ni.measure(path, "neighbours", roles=["E_input"], token="5", count=100)
    assert len(column(near, "neighbour_cosine")) == 28


def test_token_health(gpt: Path) -> None:
    table = ni.measure(gpt, "token_health", roles=["E_input"], threshold=1.0)
    norms = np.linalg.norm(E, axis=1)
    off = np.log(norms) - np.median(np.log(norms))
    z = off / (1.4826 * np.median(np.abs(off)))
    np.testing.assert_allclose(column(table, "norm_z"), z, rtol=STORED, atol=STORED)
    assert column(table, "low_norm_tokens").tolist() == [(z < -1).sum()]
    assert (z < -1).sum() > 0
    assert column(table, "low_norm_tokens", "reason").tolist() == ["norm_z below -1"]
    expected = cosines_with_mean(list(range(30)))
    np.testing.assert_allclose(column(table, "mean_cosine"), expected, rtol=STORED, atol=STORED)
    for scalar in ("zero_tokens", "nonfinite_tokens", "equal_tokens"):
        assert column(table, scalar).tolist() == [0]
    assert "unused_cosine" not in set(table["measure"])


def test_cosine_with_known_unused_tokens(gpt: Path) -> None:
    table = ni.measure(gpt, "token_health", roles=["E_input"], unused="3,25-29")
    expected = cosines_with_mean([3, 25, 26, 27, 28, 29])
    np.testing.assert_allclose(column(table, "unused_cosine"), expected, rtol=STORED, atol=STORED)


def test_rows_that_are_zero_equal_or_not_finite(tmp_path: Path) -> None:
    path = changed(tmp_path, {2: 0.0, 9: 0.0, 5: 20, 6: 20, 11: float("nan"), 12: float("inf")})
    table = ni.measure(path, "token_health", roles=["E_input"], unused="2,5")
    # Equal are three copies, and two of zero.
    counts = {"zero_tokens": 2, "nonfinite_tokens": 2, "equal_tokens": 5}
    for name, count in counts.items():
        assert column(table, name).tolist() == [count], name
    equal = column(table, "equal_rows")
    wanted = {2: 1, 9: 1, 5: 2, 6: 2, 20: 2, 11: 0, 0: 0}
    assert {row: int(equal[row]) for row in wanted} == wanted
    skipped = table[table["status"] == Status.SKIPPED]
    assert dict(zip(skipped["index"], skipped["reason"], strict=True)) == {
        2: "E_input.weight: norm zero",
        9: "E_input.weight: norm zero",
        11: "E_input.weight: 32 of 480 values are NaN or infinite",
        12: "E_input.weight: 32 of 480 values are NaN or infinite",
    }
    kept = np.setdiff1d(np.arange(30), [2, 9, 11, 12])
    for name in ("mean_cosine", "unused_cosine"):
        assert column(table, name, "index").tolist() == kept.tolist()
        assert np.isfinite(column(table, name)).all()
    # Of the unused, only token 5 has a direction, which is that of 6 and 20.
    np.testing.assert_allclose(
        table.loc[(table["measure"] == "unused_cosine") & table["index"].isin([5, 6, 20]), "value"],
        1,
        rtol=rounding(16),
    )


def test_zero_rows_are_nobodys_nearest(tmp_path: Path) -> None:
    table = ni.measure(changed(tmp_path, {2: 0.0}), "nearest_tokens", roles=["E_input"])
    skipped = table[table["status"] == Status.SKIPPED]
    assert skipped["index"].tolist() == [2]
    assert "norm zero" in skipped["reason"].item()
    assert 2 not in set(table["partner"].dropna())


def test_norms_of_an_ngpt_are_no_outliers(tmp_path: Path) -> None:
    path = write_reference(tiny_ngpt(), tmp_path / "x.safetensors")
    table = ni.measure(path, "token_health")
    assert np.abs(column(table, "norm_z")).max() < 1
    assert column(table, "low_norm_tokens").tolist() == [0, 0]
