"""Logged steps, thinned for drawing, and what it takes to reach a loss, against known answers."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from results_files import both_families, family_rows, identity, loss_rows, write_rows

from ngpt_inspect.results import RESULTS, loss_levels, reached_at, training_results
from ngpt_inspect.run_log import elapsed, read_metrics

CURVES = RESULTS["training_curves"].compute


def steps_of(n, validated=10, **changes):
    """Return `n` logged steps of a run whose losses are the step's own number."""
    run = identity(steps=n, **changes)
    step = np.arange(1, n + 1)
    told = {"tokens": step * 10, "seconds": step / 4, "rate": 1 / step, "gradient_norm": step % 7}
    losses = {"train_loss": step * 1.0, "validation_loss": np.where(step % validated, np.nan, step)}
    return pd.DataFrame({**run, "step": step, **told, **losses})


def of(table, quantity):
    return table[table["quantity"] == quantity]


def test_few_steps_are_drawn_as_they_are():
    table = CURVES(steps_of(400))
    assert (table["averaged"] == 1).all()
    assert (table["low"] == table["value"]).all()
    assert (of(table, "train_loss")["value"] == np.arange(1, 401)).all()
    assert of(table, "learning_rate")["value"].tolist() == [1 / step for step in range(1, 401)]


@pytest.mark.parametrize("n", [401, 999, 20_003])
def test_many_steps_become_few_and_none_is_lost(n):
    steps = steps_of(n)
    table = CURVES(steps)
    train = of(table, "train_loss")
    assert len(train) <= 400
    assert train["averaged"].sum() == n
    assert len(set(train["averaged"][:-1])) == 1, "equally many values in each but the last"
    assert (train["value"] * train["averaged"]).sum() == pytest.approx(steps["train_loss"].sum())
    assert (train["value"] == train["step"]).all(), "a point stands where its steps are"
    assert (train["tokens"] == train["step"] * 10).all()
    assert (train["seconds"] == train["step"] / 4).all()
    assert (train["low"].min(), train["high"].max()) == (1, n)
    assert (train["high"] - train["low"] + 1 == train["averaged"]).all()


def test_validations_stay_as_measured_however_many():
    table = of(CURVES(steps_of(5_000, validated=5)), "validation_loss")
    assert table["value"].tolist() == list(range(5, 5_001, 5))
    assert (table["averaged"] == 1).all()


def test_a_run_without_times_and_one_that_diverged():
    steps = steps_of(1_000)
    steps.loc[500:, "seconds"] = np.nan
    steps.loc[999, ["train_loss", "gradient_norm"]] = np.nan
    table = CURVES(steps)
    assert table.attrs["remarks"] == [f"{steps['run'][0]}: no finite loss at step 1000: diverged."]
    train = of(table, "train_loss")
    assert train["averaged"].sum() == 999
    unknown = train["seconds"].isna()
    assert unknown.tolist() == (train["step"] + (train["averaged"] - 1) / 2 > 500).tolist()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([(1, 2.0), (2, 1.0), (3, 4.0)], [2, 3, 7]),
        ([(1, 2.0), (2, None), (3, 4.0)], [2, None, None]),
        ([(1, 2.0), (3, 4.0), (4, 1.0)], [2, None, None]),
        ([(10, 2.0), (20, 4.0)], [None, None]),
    ],
)
def test_seconds_add_up_only_where_every_step_is_timed(tmp_path, lines, expected):
    rows = [json.dumps({"step": step, "seconds": seconds}) for step, seconds in lines]
    (tmp_path / "metrics.jsonl").write_text("\n".join(rows) + "\n")
    found = elapsed(read_metrics(tmp_path))
    assert [None if math.isnan(value) else value for value in found] == expected


@pytest.fixture
def losses(tmp_path):
    """Return GPT and nGPT whose loss is 6 - log(steps)/2, GPT 1.5 times later."""
    return training_results("losses", write_rows(tmp_path / "speed_up.csv", both_families(1.5)))


def row_of(table, family, steps):
    (row,) = table[(table["family"] == family) & (table["steps"] == steps)].to_dict("records")
    return row


def test_what_it_took_to_reach_a_loss(losses):
    loss = 6 - 0.5 * math.log(120)
    table = reached_at(losses, loss)
    ngpt, gpt = row_of(table, "nGPT", 400), row_of(table, "GPT", 800)
    assert ngpt["step"] == pytest.approx(120)
    assert ngpt["tokens"] == pytest.approx(120 * 32 * 64)
    assert ngpt["seconds"] == pytest.approx(12)
    assert gpt["step"] == pytest.approx(180)
    assert ngpt["compared_with"] == gpt["run"]
    for factor in ("speed_up", "speed_up_tokens", "speed_up_seconds"):
        assert ngpt[factor] == pytest.approx(1.5)
        assert math.isnan(gpt[factor])
    assert (ngpt["bound"], ngpt["factor_bound"]) == ("", "")
    short = row_of(table, "nGPT", 100)
    assert (short["step"], short["bound"], short["factor_bound"]) == (100, "lower", "upper")
    assert short["speed_up"] == pytest.approx(1.8)


def test_the_factor_is_the_one_of_figure_1(losses):
    """At the losses where both curves are read off, through another path of code."""
    curves = RESULTS["loss_curves"].compute(losses)
    read = curves[(curves["row"] == "read_off") & (curves["bound"] == "")]
    assert len(read) >= 2
    for row in read.to_dict("records"):
        found = reached_at(losses, row["validation_loss"])
        mine = row_of(found, "nGPT", row["steps"])
        assert mine["speed_up"] == pytest.approx(row["speed_up"])
        assert mine["compared_with"] == row["gpt_run"]


def test_nothing_is_extrapolated(losses):
    lowest, first, common = loss_levels(losses)
    by_run = losses.groupby("run")["validation_loss"]
    assert (lowest, first) == (losses["validation_loss"].min(), by_run.first().max())
    assert common == by_run.min().max()
    low = reached_at(losses, lowest - 0.1)
    assert set(low["bound"]) == {"lower"}
    assert (low["step"] == low["steps"]).all()
    assert low["speed_up"].isna().all(), "two bounds that say nothing of each other"
    high = reached_at(losses, first + 0.1)
    assert set(high["bound"]) == {"upper"}
    assert (high["step"] == 25).all()
    assert set(high.loc[high["compared_with"] != "", "factor_bound"]) == {"mixed"}


def test_runs_of_one_family_are_compared_with_the_slowest(tmp_path):
    rows = family_rows("nGPT", (400,), 1, seed=1) + family_rows("nGPT", (400,), 2, seed=2)
    rows += loss_rows(identity(steps=100, seed=3), {25: 6.0, 50: None})
    losses = training_results("losses", write_rows(tmp_path / "speed_up.csv", rows))
    table = reached_at(losses, 6 - 0.5 * math.log(100)).set_index("seed")
    assert table.loc[1, "compared_with"] == table.loc[2, "run"]
    assert table.loc[1, "speed_up"] == pytest.approx(2)
    assert (table.loc[3, "bound"], table.loc[3, "factor_bound"]) == ("lower", "upper")
    alone = losses[losses["run"] == table.loc[1, "run"]]
    assert reached_at(alone, 4)["compared_with"].tolist() == [""]


def test_a_comparison_that_is_missing_is_told(tmp_path):
    rows = family_rows("nGPT", (100,)) + family_rows("GPT", (100,), context_length=256)
    losses = training_results("losses", write_rows(tmp_path / "speed_up.csv", rows))
    table = reached_at(losses, 4.5)
    assert table["speed_up"].isna().all()
    assert "no GPT of that size and context" in table.attrs["remarks"][0]
    nothing = losses.iloc[:0]
    assert reached_at(nothing, 4).empty
    assert loss_levels(nothing) is None
