"""Speed-up tables of runs with a built-in factor: loss_curves, speed_up, final_losses."""

import math

import numpy as np
import pandas as pd
import pytest
from results_files import (
    GPT_BUDGETS,
    NGPT_BUDGETS,
    both_families,
    family_rows,
    identity,
    loss_rows,
    straight,
    write_rows,
)

from ngpt_inspect.results import training_results

FACTORS = {64: 1.3, 256: 1.7, 512: 2.0}
"""Within GPT's longest budget, twice nGPT's."""


def table(tmp_path, name, rows):
    return training_results(name, write_rows(tmp_path / "speed_up.csv", rows))


def of(found, **wanted):
    for column, value in wanted.items():
        found = found[found[column] == value]
    return found


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Return the CSV of three contexts with a factor each."""
    rows = [
        row
        for context, factor in FACTORS.items()
        for row in both_families(factor, context_length=context, batch_size=2048 // context)
    ]
    return write_rows(tmp_path_factory.mktemp("known") / "speed_up.csv", rows)


def test_final_losses_give_the_factor_of_each_context(known):
    found = training_results("speed_up", known)
    assert len(found) == len(FACTORS) * len(NGPT_BUDGETS)
    assert (found["bound"] == "").all()
    assert (found["gpt_budgets"] == len(GPT_BUDGETS)).all()
    np.testing.assert_allclose(found["speed_up"], found["context_length"].map(FACTORS))
    np.testing.assert_allclose(found["gpt_steps"], found["speed_up"] * found["steps"])
    np.testing.assert_allclose(found["speed_up_tokens"], found["speed_up"])  # same batch
    np.testing.assert_allclose(found["validation_loss"], [straight(s) for s in found["steps"]])
    assert (found["tokens"] == 2048 * found["steps"]).all()


def test_loss_curves_give_the_factor_at_every_loss(known):
    found = training_results("loss_curves", known)
    factors = of(found, row="speed_up", bound="")
    assert len(factors) > 50
    np.testing.assert_allclose(factors["speed_up"], factors["context_length"].map(FACTORS))
    np.testing.assert_allclose(factors["gpt_steps"], factors["speed_up"] * factors["step"])
    assert set(factors["gpt_run"].str.extract(r"(steps\d+)")[0]) == {"steps800"}
    read = found[found["row"] == "read_off"]
    assert (read["bound"] == "").all()
    assert read["step"].tolist() == pytest.approx(read["steps"].tolist())
    np.testing.assert_allclose(read["speed_up"], read["context_length"].map(FACTORS))


def test_loss_curves_keep_every_validation(known):
    losses = training_results("losses", known)
    kept = of(training_results("loss_curves", known), row="validation")
    columns = list(losses.columns.drop("seconds"))
    pd.testing.assert_frame_equal(
        kept[columns].reset_index(drop=True), losses[columns], check_dtype=False
    )


def test_seeds_are_averaged_geometrically(tmp_path):
    rows = both_families(1.5, seed=0) + both_families(2.0, seed=1)
    found = of(table(tmp_path, "final_losses", rows), family="nGPT")
    assert found["runs"].tolist() == [2, 2, 2]
    np.testing.assert_allclose(found["speed_up"], math.sqrt(1.5 * 2.0))
    np.testing.assert_allclose(found["speed_up_low"], 1.5)
    np.testing.assert_allclose(found["speed_up_high"], 2.0)
    np.testing.assert_allclose(found["gpt_steps"], math.sqrt(3) * found["steps"])
    curves = table(tmp_path, "loss_curves", rows)
    read = of(curves, row="read_off")
    assert read["runs"].tolist() == [2, 2, 2]
    np.testing.assert_allclose(read["speed_up"], math.sqrt(3.0))


def test_losses_are_averaged_arithmetically(tmp_path):
    losses = [4.0, 4.2, 4.7]
    rows = [
        row
        for seed, loss in enumerate(losses)
        for row in loss_rows(identity("GPT", seed=seed), {50: 5.0, 100: loss})
    ]
    (row,) = table(tmp_path, "final_losses", rows).to_dict("records")
    assert row["validation_loss"] == pytest.approx(np.mean(losses))
    assert row["deviation"] == pytest.approx(np.std(losses, ddof=1))
    assert (row["low"], row["high"], row["runs"], row["diverged"]) == (4.0, 4.7, 3, 0)
    assert math.isnan(row["speed_up"])
    assert row["bound"] == ""


def test_beyond_the_longest_budget_the_factor_is_a_lower_bound(tmp_path):
    rows = both_families(3.0)
    found = table(tmp_path, "final_losses", rows)
    found = of(found, family="nGPT").set_index("steps")
    assert found["bound"].to_dict() == {100: "", 200: "", 400: "lower"}
    np.testing.assert_allclose(found["speed_up"].loc[[100, 200]], 3)
    assert found["speed_up"][400] == 800 / 400
    read = of(table(tmp_path, "loss_curves", rows), row="read_off", steps=400)
    assert read["bound"].tolist() == ["lower", ""]
    assert read["speed_up"].tolist() == pytest.approx([2.0, 3.0])
    lowest = [straight(400), straight(800 / 3)]
    assert read["validation_loss"].tolist() == pytest.approx(lowest)


def test_below_the_shortest_budget_it_is_an_upper_bound(tmp_path):
    rows = family_rows("GPT", GPT_BUDGETS, 0.5) + family_rows("nGPT", (100, 200))
    found = of(table(tmp_path, "final_losses", rows), family="nGPT").set_index("steps")
    assert found["bound"].to_dict() == {100: "upper", 200: ""}
    assert found["speed_up"].to_dict() == pytest.approx({100: 1.0, 200: 0.5})


def test_seeds_that_disagree_about_the_bound_give_no_factor(tmp_path):
    rows = both_families(3.0, seed=0)
    gpt = family_rows("GPT", (600, 800), 0.5, seed=1)
    rows += gpt + family_rows("nGPT", (400,), seed=1)
    found = of(table(tmp_path, "final_losses", rows), family="nGPT", steps=400)
    assert found["bound"].tolist() == ["mixed"]
    assert found["speed_up"].isna().all()


def test_a_lower_bound_in_one_seed_makes_the_mean_a_lower_bound(tmp_path):
    rows = both_families(3.0, seed=0) + both_families(1.5, seed=1)
    found = of(table(tmp_path, "final_losses", rows), family="nGPT", steps=400)
    assert found["bound"].tolist() == ["lower"]
    assert found["speed_up"].tolist() == pytest.approx([math.sqrt(2.0 * 1.5)])


def test_a_diverged_run_is_counted_and_not_averaged(tmp_path):
    lost = loss_rows(identity("nGPT", seed=1), {25: 5.0, 60: None})
    rows = both_families(2.0) + both_families(2.0, seed=1)
    rows = [row for row in rows if row["run"] != lost[0]["run"]] + lost
    found = of(table(tmp_path, "final_losses", rows), family="nGPT", steps=100)
    assert found[["runs", "diverged"]].to_numpy().tolist() == [[1, 1]]
    assert found["validation_loss"].tolist() == pytest.approx([straight(100)])
    assert found["speed_up"].tolist() == pytest.approx([2.0])


def test_a_diverged_budget_of_gpt_is_left_out_of_its_curve(tmp_path):
    lost = loss_rows(identity("GPT", steps=200), {25: 5.0, 60: None})
    rows = [row for row in both_families(2.0) if row["run"] != lost[0]["run"]] + lost
    found = table(tmp_path, "speed_up", rows)
    np.testing.assert_allclose(found["speed_up"], 2.0)


def test_a_run_under_way_has_no_final_loss_and_a_remark(tmp_path):
    rows = both_families(2.0)
    cut = [row for row in rows if (row["family"], row["steps"]) != ("nGPT", 400)]
    cut += [row for row in rows if row not in cut and row["step"] <= 300]
    found = table(tmp_path, "final_losses", cut)
    assert of(found, family="nGPT")["steps"].tolist() == [100, 200]
    (remark,) = found.attrs["remarks"]
    assert "is at step 300 of 400" in remark


def test_without_gpt_there_is_a_remark_and_no_factor(tmp_path):
    found = table(tmp_path, "speed_up", family_rows("nGPT", (100,)))
    assert len(found) == 0
    assert found.attrs["remarks"] == [
        "nGPT (tiny, context 64): no GPT of that size and context to compare with."
    ]


def test_another_seed_of_gpt_stands_in_with_a_remark(tmp_path):
    rows = family_rows("GPT", GPT_BUDGETS, 2.0, seed=5) + family_rows("nGPT", (100,), seed=7)
    found = table(tmp_path, "speed_up", rows)
    np.testing.assert_allclose(found["speed_up"], 2.0)
    assert "no GPT of seed 7, compared with seed 5" in found.attrs["remarks"][0]


def test_tokens_count_where_batches_differ(tmp_path):
    rows = family_rows("GPT", GPT_BUDGETS, 2.0, batch_size=64) + family_rows("nGPT", (100,))
    found = table(tmp_path, "speed_up", rows)
    assert found["speed_up"].tolist() == pytest.approx([2.0])
    assert found["speed_up_tokens"].tolist() == pytest.approx([4.0])


def test_the_rate_with_the_most_seeds_is_compared(tmp_path):
    """A grid of rates swept with one seed must not mix with runs repeated over seeds."""
    lucky = family_rows("nGPT", (100,), 0.5, learning_rate=16e-3)
    rows = both_families(2.0) + both_families(2.0, seed=1) + lucky
    found = of(table(tmp_path, "final_losses", rows), family="nGPT", steps=100)
    assert found["learning_rate"].tolist() == [8e-3]
    assert found["speed_up"].tolist() == pytest.approx([2.0])


def test_among_rates_of_as_many_seeds_the_lowest_loss_is_compared(tmp_path):
    rows = both_families(2.0) + family_rows("nGPT", NGPT_BUDGETS, 0.8, learning_rate=16e-3)
    found = table(tmp_path, "speed_up", rows)
    assert set(found["learning_rate"]) == {16e-3}
    within = found[found["bound"] == ""]
    np.testing.assert_allclose(within["speed_up"], 2.5)


def test_a_repeated_run_is_no_further_seed(tmp_path):
    again = loss_rows(identity("nGPT", steps=100) | {"run": "again"}, {100: 3.0})
    found = table(tmp_path, "final_losses", both_families(2.0) + again)
    found_short = of(found, family="nGPT", steps=100)
    assert found_short["runs"].tolist() == [1]
    assert found_short["validation_loss"].tolist() == pytest.approx([straight(100)])
    assert any("again repeats" in remark for remark in found.attrs["remarks"])
