"""Learning rates, perplexities, ablations and step times against independent computations."""

import itertools
import math
import statistics

import numpy as np
import pytest
from results_files import (
    LEARNED,
    ablation,
    answered,
    evaluated,
    identity,
    loss_rows,
    timings,
    write_rows,
)

from ngpt_inspect.results import training_results


def sweep(losses, **changes):
    """Return one run a rate and seed, with the final losses of each rate by seed."""
    return [
        row
        for rate, seeds in losses.items()
        for seed, loss in enumerate(seeds)
        for row in loss_rows(
            identity(learning_rate=rate, seed=seed, **changes), {25: 6.0, 100: loss}
        )
    ]


def best_of(table):
    return {row["steps"]: row["learning_rate"] for row in table[table["best"]].to_dict("records")}


def test_learning_rates_are_averaged_over_seeds(tmp_path):
    losses = {2e-3: [4.5, 4.6], 4e-3: [4.0, 4.3], 8e-3: [4.1, 4.4]}
    path = write_rows(tmp_path / "learning_rates.csv", sweep(losses))
    table = training_results("learning_rates", path)
    assert table["learning_rate"].tolist() == list(losses)
    for row, seeds in zip(table.to_dict("records"), losses.values(), strict=True):
        assert row["validation_loss"] == pytest.approx(statistics.mean(seeds))
        assert row["deviation"] == pytest.approx(statistics.stdev(seeds))
        assert (row["low"], row["high"]) == (min(seeds), max(seeds))
        assert (row["runs"], row["diverged"]) == (2, 0)
    assert best_of(table) == {100: 4e-3}


def test_the_best_rate_is_found_for_each_budget(tmp_path):
    rows = sweep({2e-3: [4.5], 4e-3: [4.2], 8e-3: [4.0]})
    longer = sweep({2e-3: [3.1], 4e-3: [3.3], 8e-3: [3.6]}, steps=200)
    rows += longer + [
        row | {"step": 200, "tokens": 200 * 2048, "validation_loss": row["validation_loss"] - 0.1}
        for row in longer
        if row["step"] == 100
    ]
    path = write_rows(tmp_path / "learning_rates.csv", rows)
    table = training_results("learning_rates", path)
    assert best_of(table) == {100: 8e-3, 200: 2e-3}
    assert table["best"].sum() == 2


def test_a_rate_at_which_a_seed_diverged_is_not_best(tmp_path):
    rows = sweep({2e-3: [4.5, 4.6], 4e-3: [4.2, 4.2], 8e-3: [3.0]})
    rows += loss_rows(identity(learning_rate=8e-3, seed=1), {25: 6.0, 60: None})
    path = write_rows(tmp_path / "learning_rates.csv", rows)
    table = training_results("learning_rates", path).set_index("learning_rate")
    assert table.loc[8e-3, ["runs", "diverged"]].tolist() == [1, 1]
    assert table["best"].to_dict() == {2e-3: False, 4e-3: True, 8e-3: False}


def test_where_all_diverged_nothing_is_best(tmp_path):
    rows = loss_rows(identity(), {25: 6.0, 60: None})
    path = write_rows(tmp_path / "learning_rates.csv", rows)
    (row,) = training_results("learning_rates", path).to_dict("records")
    assert math.isnan(row["validation_loss"])
    assert not row["best"]


def test_perplexity_is_averaged_geometrically(tmp_path):
    random = np.random.default_rng(0)
    keys = list(itertools.product(("held-out", "out-of-domain"), (64, 128, 256)))
    losses = {key: random.uniform(2, 7, 3) for key in keys}
    errors = {key: random.uniform(0.01, 0.05, 3) for key in keys}
    rows = [evaluated(s, *key, losses[key][s], errors[key][s]) for s in range(3) for key in keys]
    path = write_rows(tmp_path / "longer_context.csv", rows)
    table = training_results("perplexities", path)
    assert len(table) == len(keys)
    for row in table.to_dict("records"):
        key = (row["text"], row["evaluated_length"])
        each = np.exp(losses[key])
        assert row["perplexity"] == pytest.approx(np.prod(each) ** (1 / 3))
        assert row["perplexity_low"] == pytest.approx(each.min())
        assert row["perplexity_high"] == pytest.approx(each.max())
        assert row["loss"] == pytest.approx(losses[key].mean())
        assert row["standard_error"] == pytest.approx(errors[key].mean())
        assert row["runs"] == 3


def test_a_loss_no_exponential_holds_is_an_infinite_perplexity(tmp_path):
    row = evaluated(0, "held-out", 64, 700.0, 0.1) | {"loss": 800.0, "perplexity": math.inf}
    table = training_results("perplexities", write_rows(tmp_path / "longer_context.csv", [row]))
    assert table["perplexity"].tolist() == [math.inf]


def test_an_ablation_is_compared_with_the_baseline_of_its_seed(tmp_path):
    plain, changed = [3.0, 3.5, 3.2], [3.3, 3.4, 3.36]
    rows = [ablation(seed, loss) for seed, loss in enumerate(plain)]
    rows += [
        ablation(seed, loss, variant="no QK norm", qk_norm=False)
        for seed, loss in enumerate(changed)
    ]
    path = write_rows(tmp_path / "ablations.csv", rows)
    base, other = training_results("ablation_losses", path).to_dict("records")
    assert (base["baseline"], base["change"], base["change_deviation"]) == (True, 0, 0)
    changes = [100 * (b / a - 1) for a, b in zip(plain, changed, strict=True)]
    assert not other["baseline"]
    assert not other["qk_norm"]
    assert other["runs"] == 3
    assert other["change"] == pytest.approx(statistics.mean(changes))
    assert other["change_deviation"] == pytest.approx(statistics.stdev(changes))
    assert other["validation_loss"] == pytest.approx(statistics.mean(changed))
    for at, name in enumerate(LEARNED, 1):
        assert other[name] == pytest.approx(0.1 * at + 0.01)


def test_tables_share_their_baseline(tmp_path):
    """One plain run is a row of several tables; it is compared once with each."""
    rows = [ablation(0, 3.0, table="4", parameter=name) for name in ("s_qk", "s_z")]
    rows += [ablation(0, 3.0, table="6"), ablation(0, 3.3, table="6", variant="no QK norm")]
    table = training_results("ablation_losses", write_rows(tmp_path / "ablations.csv", rows))
    assert table["runs"].tolist() == [1, 1, 1, 1]
    assert table["change"].tolist() == pytest.approx([0, 0, 0, 10])
    assert table["change_deviation"].isna().all()


def test_a_diverged_ablation_has_no_change(tmp_path):
    rows = [ablation(0, 3.0), ablation(0, None, variant="no QK norm")]
    table = training_results("ablation_losses", write_rows(tmp_path / "ablations.csv", rows))
    assert table[["runs", "diverged"]].to_numpy().tolist() == [[1, 0], [0, 1]]
    assert table["change"].isna().tolist() == [False, True]


def test_an_ablation_without_a_baseline_is_told(tmp_path):
    rows = [ablation(0, 3.0), ablation(1, 3.3, variant="no QK norm")]
    table = training_results("ablation_losses", write_rows(tmp_path / "ablations.csv", rows))
    assert math.isnan(table["change"].iloc[1])
    (remark,) = table.attrs["remarks"]
    assert "no baseline of its seed" in remark


def test_step_times_are_divided_round_by_round(tmp_path):
    """Round 1 is disturbed for both: the ratio of medians would be another."""
    gpt, ngpt = [1.0, 3.0, 1.1, 1.3], [1.2, 3.1, 1.4, 1.3]
    rows = timings({"GPT": gpt, "nGPT": ngpt}) + timings({"GPT": [2.0], "nGPT": [3.0]}, 256)
    table = training_results("step_time_ratios", write_rows(tmp_path / "step_time.csv", rows))
    first, second = table.to_dict("records")
    ratios = np.array(ngpt) / np.array(gpt)
    assert first["ratio"] == pytest.approx(np.median(ratios))
    assert first["ratio"] != pytest.approx(np.median(ngpt) / np.median(gpt))
    assert first["ratio_low"] == pytest.approx(np.quantile(ratios, 0.25))
    assert first["ratio_high"] == pytest.approx(np.quantile(ratios, 0.75))
    assert first["gpt_seconds"] == pytest.approx(np.median(gpt))
    assert first["ngpt_seconds"] == pytest.approx(np.median(ngpt))
    assert first["rounds"] == 4
    assert (second["context_length"], second["ratio"], second["rounds"]) == (256, 1.5, 1)


def test_a_round_of_one_family_alone_is_left_out_and_told(tmp_path):
    rows = timings({"GPT": [1.0, 2.0], "nGPT": [1.5]})
    table = training_results("step_time_ratios", write_rows(tmp_path / "step_time.csv", rows))
    assert table["ratio"].tolist() == [1.5]
    assert table["rounds"].tolist() == [1]
    assert table.attrs["remarks"] == ["Rounds in which one family alone was timed, left out: 1."]


def test_accuracies_are_averaged_over_seeds_and_tasks(tmp_path):
    right = {"cloze": [0.1, 0.3], "next_line": [0.4, 0.6], "pairs": [0.7, 0.9]}
    rows = [
        row
        for seed in (0, 1)
        for row in answered({task: found[seed] for task, found in right.items()}, seed=seed)
    ]
    rows += answered({"cloze": 9.0}, metric="perplexity")  # is no accuracy
    path = write_rows(tmp_path / "downstream_tasks.csv", rows)
    table = training_results("downstream_accuracy", path).set_index("task")
    assert sorted(table.index) == ["average", *sorted(right)]
    for task, found in right.items():
        row = table.loc[task]
        assert row["accuracy"] == pytest.approx(statistics.mean(found))
        assert (row["low"], row["high"], row["runs"]) == (*found, 2)
        assert row["standard_error"] == pytest.approx(0.03)
    average = table.loc["average"]
    means = [statistics.mean(found[seed] for found in right.values()) for seed in (0, 1)]
    assert average["accuracy"] == pytest.approx(statistics.mean(means))
    assert [average["low"], average["high"]] == pytest.approx(means)
    assert average["standard_error"] == pytest.approx(math.sqrt(3 * 0.03**2) / 3)
    assert average["chance"] == pytest.approx((0 + 0.25 + 0.5) / 3)


def test_who_lacks_a_task_has_no_average_and_is_named(tmp_path):
    rows = answered({"cloze": 0.1, "pairs": 0.5}, "GPT")
    rows += answered({"cloze": 0.2}) + answered({"pairs": 0.4}, shots=5)
    path = write_rows(tmp_path / "downstream_tasks.csv", rows)
    table = training_results("downstream_accuracy", path)
    averages = table[table["task"] == "average"]
    assert averages[["family", "shots"]].to_numpy().tolist() == [["GPT", 0]]
    (remark,) = table.attrs["remarks"]
    assert remark.endswith("at step 100: acc of 1 of 2 tasks, no average.")
    assert remark.startswith("ngpt-")


def test_an_unknown_chance_leaves_none_to_the_average(tmp_path):
    path = write_rows(tmp_path / "downstream_tasks.csv", answered({"pairs": 0.5, "other": 0.1}))
    table = training_results("downstream_accuracy", path).set_index("task")
    assert table["chance"].isna().to_dict() == {"average": True, "other": True, "pairs": False}
