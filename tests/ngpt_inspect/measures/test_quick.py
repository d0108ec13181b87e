"""`--quick`: the same columns from a sample that says so; all of it where there is little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from models import Tiny, series_of, tiny_gpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.numerics import sampled_cloud, sampled_pairs, sampling

QUICK = [name for name, each in MEASURES.items() if each.can_be_quick]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = np.random.default_rng(0).standard_normal((1200, 16)) + 0.3
    model: Tiny = replace(tiny_gpt(), vocab_size=1200)
    path = tmp_path_factory.mktemp("quick") / "x.safetensors"
    return write_reference(model.changed(E_input=rows, E_output=rows), path)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is over soon."""
    monkeypatch.setattr(sampling, "QUICK", 3e4)
    monkeypatch.setattr(sampled_cloud, "QUICK", 3e4)
    monkeypatch.setattr(sampled_pairs, "ASKING", 3e6)


def numbers(table: pd.DataFrame) -> dict[str, float]:
    rows = table[table["index"].isna() & table["value"].notna()]
    return dict(zip(series_of(rows), rows["value"], strict=True))


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", QUICK)
def test_a_sample_says_so_and_is_near(name: str, checkpoint: Path) -> None:
    quick = ni.measure(checkpoint, name, roles="E_input", quick=True)
    exact = ni.measure(checkpoint, name, roles="E_input")
    assert set(exact["status"]) == {"ok"}
    assert not exact["statistic"].str.contains("standard_error", na=False).any()
    assert set(quick["measure"]) == set(exact["measure"])
    sampled = quick[quick["status"] == "sampled"]
    assert sampled["reason"].str.contains(r" of [\d.e+]+ (?:pairs|rows|tokens)").all()
    assert not quick[quick["status"] == "skipped"]["reason"].str.contains("nan").any()
    told, truth = numbers(quick), numbers(exact)
    errors = {of: error for of, error in told.items() if "standard_error" in of}
    assert errors
    for of, error in errors.items():
        series = of.replace("_standard_error ", " ").replace("standard_error ", "")
        assert abs(told[series] - truth[series]) < 4 * error, of


@pytest.mark.usefixtures("hasty")
def test_the_curve_over_tokens_is_one_of_a_sample(checkpoint: Path) -> None:
    table = ni.summarise(ni.measure(checkpoint, "nearest_tokens", roles="E_input", quick=True))
    rows = table[(table["measure"] == "nearest_cosine") & (table["statistic"] == "median")]
    assert rows["status"].tolist() == ["sampled"]


def test_little_is_measured_whole(checkpoint: Path) -> None:
    for name in ("dot_products", "embedding_spectrum"):
        quick = ni.measure(checkpoint, name, roles="E_input", quick=True)
        exact = ni.measure(checkpoint, name, roles="E_input")
        pd.testing.assert_frame_equal(quick, exact, check_exact=True)


def test_the_spectrum_of_few_samples_is_of_all_rows(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampled_cloud, "QUICK", 16**2 * 600)  # 600 of 1200 rows
    quick = ni.measure(checkpoint, "embedding_spectrum", roles="E_input", quick=True)
    exact = ni.measure(checkpoint, "embedding_spectrum", roles="E_input")
    left_out = {"isotropy", "unit_isotropy"}
    assert set(quick[quick["status"] == "skipped"]["measure"]) == left_out
    same = [table[~table["measure"].isin(left_out)] for table in (quick, exact)]
    pd.testing.assert_frame_equal(*same, check_exact=True)


def test_on_the_command_line(checkpoint: Path, cli: Callable[..., Result]) -> None:
    found = cli("embedding-spectrum", checkpoint, "--quick", "--roles", "E_input")
    assert found.exit_code == 0, found.output
    refused = cli("dot-products", checkpoint, "--quick", "--exact")
    assert refused.exit_code == 2
    assert "quick is a sample, exact is none" in refused.output
