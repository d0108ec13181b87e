"""What the experiments plan to train, before anything is trained."""

import dataclasses
import math

import pytest

from reference_model.config import NGPTConfig
from reference_model.experiments.ablations import PAPER, planned, table_4, table_5
from reference_model.experiments.learning_rates import grid, rate_for
from reference_model.experiments.runs import plan
from reference_model.experiments.scales import SCALES
from reference_model.experiments.speed_up import scheduled_runs
from reference_model.schedule import decay_exposure


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_contexts_are_one_four_and_eight_times_and_divide_the_batch(scale):
    first = scale.contexts[0]
    assert scale.contexts in ((first, 4 * first, 8 * first), (first,))
    for tokens in (scale.tokens_per_step, scale.validation_tokens, scale.micro_tokens):
        assert all(tokens % context == 0 for context in scale.contexts)
    assert max(scale.gpt_budgets) > max(scale.ngpt_budgets), "GPT's curve must reach nGPT's loss"
    assert len(scale.seeds) >= 2
    assert len(scale.ngpt_budgets) >= 2


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_both_models_see_the_same_tokens_at_the_same_rates(scale):
    runs = grid(scale)
    for context_length in scale.contexts:
        for steps in scale.rate_budgets:
            pair = [runs[model, context_length, steps] for model in ("gpt", "ngpt")]
            for gpt, ngpt in zip(*pair, strict=True):
                for name in (
                    "steps",
                    "batch_size",
                    "learning_rate",
                    "seed",
                    "validation_sequences",
                ):
                    assert getattr(gpt.training, name) == getattr(ngpt.training, name)
                tokens = gpt.training.batch_size * gpt.model.context_length
                assert tokens == scale.tokens_per_step


def test_a_budget_takes_its_rate_from_the_nearest_of_the_grid():
    rates = {("gpt", 8, 100): 0.3, ("gpt", 8, 400): 0.1, ("ngpt", 8, 100): 9.0}
    steps = (50, 100, 199, 200, 201, 400, 9000)
    found = [rate_for(rates, "gpt", 8, each) for each in steps]
    assert found == [0.3, 0.3, 0.3, 0.1, 0.1, 0.1, 0.1]


def test_speed_up_schedules_every_budget_with_its_own_rate_and_seed():
    scale = SCALES["tiny"]
    rates = {key: 1.0 / key[2] for key in grid(scale)}
    runs = scheduled_runs(scale, rates)
    per_context = len(scale.gpt_budgets) + len(scale.ngpt_budgets)
    assert len(set(runs)) == len(scale.contexts) * len(scale.seeds) * per_context
    assert len({run.name for run in runs}) == len(runs)
    for run in runs:
        assert run.training.learning_rate == rate_for(
            rates, run.family.lower(), run.model.context_length, run.training.steps
        )


def test_long_budgets_run_one_seed_and_decay_alike_at_every_length():
    scale = SCALES["contrast"]
    rates = dict.fromkeys(grid(scale), 0.004)
    runs = scheduled_runs(scale, rates)
    long = [run for run in runs if run.training.steps > scale.longest_repeated]
    assert {run.training.seed for run in long} == {scale.seeds[0]}
    assert {run.training.seed for run in runs} == set(scale.seeds)
    exposures = [decay_exposure(run.training) for run in runs if run.family == "GPT"]
    assert exposures == pytest.approx([scale.gpt_exposure] * len(exposures), rel=1e-3)
    assert all(run.training.weight_decay == 0 for run in runs if run.family == "nGPT")


def test_table_4_has_the_rows_of_the_paper():
    rows = table_4(d_model=64)
    assert [sum(row.parameter == name for row in rows) for name in ("s_qk", "s_z")] == [6, 4]
    assert len(rows) == 14
    assert sum(not row.variant for row in rows) == 3, "each parameter starts from the baseline"
    changes = {(row.parameter, row.init, row.scale): dict(row.changes) for row in rows}
    assert changes["s_z", "sqrt(d)", "1"] == {"s_z_init": 8.0, "s_z_scale": 1.0}
    assert changes["s_u & s_nu", "1/sqrt(d)", "1"] == {
        "s_u_init": 1 / 8,
        "s_u_scale": 1.0,
        "s_nu_init": 1 / 8,
        "s_nu_scale": 1.0,
    }


def test_baseline_rows_are_one_and_the_same_run():
    scale = SCALES["tiny"]
    rows = [*table_4(128), *table_5()]
    runs = {planned(scale, 0.01, row, seed=0) for row in rows if not row.variant}
    assert len(runs) == 1
    config = runs.pop().model
    paper = NGPTConfig(
        **{name: getattr(config, name) for name in ("vocab_size", "n_layers", "n_heads")},
        **{name: getattr(config, name) for name in ("d_model", "d_mlp", "context_length")},
    )
    assert config == paper, "the defaults of NGPTConfig are the paper's"


def test_every_ablation_is_a_run_of_its_own_and_changes_only_what_it_says():
    scale = SCALES["tiny"]
    rows = [row for row in (*table_4(128), *table_5()) if row.variant]
    runs = [planned(scale, 0.01, row, seed=0) for row in rows]
    assert len({run.name for run in runs}) == len(set(runs)) == len(rows) == 11 + 11
    baseline = planned(scale, 0.01, table_5()[0], seed=0)
    for row, run in zip(rows, runs, strict=True):
        assert run.training == baseline.training
        assert run.model == dataclasses.replace(baseline.model, **(PAPER | dict(row.changes)))
        assert run.model != baseline.model


def test_estimate_of_work_is_that_of_the_transformer_literature():
    run = plan(SCALES["tiny"], "gpt", context_length=256, steps=10, rate=0.01)
    matrices = 2 * 2048 * 128 + 4 * (4 * 128**2 + 3 * 128 * 512)
    assert run.flops == 10 * 2048 * (6 * matrices + 12 * 4 * 128 * 256)
    assert math.isclose(matrices, 1_572_864)
