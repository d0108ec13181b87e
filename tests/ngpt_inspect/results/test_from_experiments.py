"""From the command lines of all experiments to every table, on models that train in an instant."""

import csv
import io
import json
import math
import os
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from results_files import answers, write_rows
from toy_experiments import SCALE, TOY, write_corpus

from ngpt_inspect.figures import FIGURES
from ngpt_inspect.results import RESULTS, training_results
from reference_model.experiments import (
    ablations,
    decay_exposure,
    heads_and_depth,
    learning_rates,
    longer_context,
    paper_length,
    speed_up,
    step_time,
)
from reference_model.experiments.scales import SCALES
from reference_model.presets import PRESETS
from reference_model.training.metrics import read_metrics

EXPERIMENTS = (
    *(learning_rates, speed_up, longer_context, ablations, step_time),
    *(decay_exposure, paper_length, heads_and_depth),
)


IDENTITY = (
    *("run", "family", "size", "variant", "context_length"),
    *("batch_size", "steps", "learning_rate", "seed"),
)


@dataclass(frozen=True)
class Done:
    """All experiments, run once: where, what each printed, what speed_up found trained."""

    place: Path
    said: dict[str, str]
    grid: dict[Path, int]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    place = tmp_path_factory.mktemp("experiments")
    corpus = write_corpus(place / "corpus")
    told = ["--scale", "toy", "--data", str(corpus), "--device", "cpu"]
    told += ["--runs", str(place / "runs"), "--results", str(place / "results")]
    said, grid = {}, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "toy", TOY)
        patch.setitem(SCALES, "toy", SCALE)
        patch.setattr(paper_length, "KEPT", 4)
        patch.setattr(os, "fsync", lambda _: None)  # nothing here is to outlive a power cut
        patch.setattr(heads_and_depth, "SHAPE", {"n_layers": 2, "d_model": 24, "d_mlp": 32})
        for experiment in EXPERIMENTS:
            with redirect_stdout(io.StringIO()) as printed:
                assert experiment.main(told) == 0
            said[experiment.__name__.rpartition(".")[2]] = printed.getvalue()
            grid = grid or saved(place)
    write_rows(place / "results" / "downstream_tasks.csv", answers())
    return Done(place, said, grid)


def saved(place):
    return {path: path.stat().st_mtime_ns for path in place.glob("runs/*/step-*")}


@pytest.fixture(scope="module")
def folder(done):
    """Return a folder of runs and one of results of all experiments."""
    return done.place


def lines_of(folder, name):
    with (folder / "results" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def places(folder, name):
    """Return what a table can be read from: the folder of files, or a few runs."""
    base = RESULTS[name].of or name
    return folder / "results" if RESULTS[base].files else [*(folder / "runs").iterdir()][:3]


@pytest.fixture(scope="module")
def read(folder):
    """Return a function that gives a table of all there is, read once."""
    return cache(lambda name: training_results(name, places(folder, name)))


@pytest.mark.parametrize("name", RESULTS)
def test_every_table_has_rows(read, name):
    table = read(name)
    assert len(table)
    assert not any("no GPT" in remark for remark in table.attrs["remarks"])


@pytest.mark.parametrize("name", [name for name in RESULTS if RESULTS[name].files])
def test_no_line_of_a_file_is_lost(folder, read, name):
    known = {tuple(row.values()) for file in RESULTS[name].files for row in lines_of(folder, file)}
    assert len(read(name)) == len(known)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FIGURES if FIGURES[name].results in RESULTS])
def test_every_figure_draws_them(read, name):
    drawn = FIGURES[name].draw(read(FIGURES[name].results))
    assert "Nothing to draw" not in str(drawn.layout.annotations)


def test_the_run_folders_hold_the_same_losses(folder):
    """But for the name of the scale, which a run does not know."""
    trained = [path for path in (folder / "runs").iterdir() if "context8-steps4" in path.name]
    found = training_results("losses", trained)
    written = training_results("losses", folder / "results")
    columns = ["run", "step", "tokens", "validation_loss", "seed", "learning_rate", "steps"]
    both = found[columns].merge(written[columns], how="left", indicator=True)
    assert len(found) >= 8
    assert (both["_merge"] == "both").all()


def test_the_factor_is_the_one_computed_from_the_file(folder):
    """With numpy's own interpolation, of log steps over the rising negative loss."""
    finals = [row for row in lines_of(folder, "speed_up.csv") if row["step"] == row["steps"]]
    table = training_results("speed_up", folder / "results" / "speed_up.csv")
    assert len(table) == 2 * 2 * 2  # contexts, seeds, budgets of nGPT
    for row in table.to_dict("records"):
        place = (str(row["context_length"]), str(row["seed"]))
        gpt = {
            int(each["steps"]): float(each["validation_loss"])
            for each in finals
            if (each["context_length"], each["seed"]) == place and each["family"] == "GPT"
        }
        losses = np.minimum.accumulate([gpt[steps] for steps in sorted(gpt)])
        logs = np.log(sorted(gpt))
        assert np.all(np.diff(losses) < 0)  # else numpy.interp would not do
        steps = math.exp(np.interp(-row["validation_loss"], -losses, logs))
        assert row["gpt_steps"] == pytest.approx(steps)
        assert row["speed_up"] == pytest.approx(steps / row["steps"])
        above, below = row["validation_loss"] > losses[0], row["validation_loss"] < losses[-1]
        assert row["bound"] == ("upper" if above else "lower" if below else "")


def test_speed_up_shares_the_runs_of_the_grid_and_its_best_rates(done):
    assert len(done.grid) == 2 * 2 * 2 * 2  # models, contexts, budgets, rates
    assert saved(done.place).items() >= done.grid.items(), "not trained again"
    rows = lines_of(done.place, "speed_up.csv")
    assert tuple(rows[0]) == (*IDENTITY, "step", "tokens", "seconds", "validation_loss")
    ended = [row for row in rows if row["step"] == row["steps"]]
    assert len(ended) == 2 * 2 * (3 + 2)  # contexts, seeds, budgets of both
    for row in ended:
        last = read_metrics(done.place / "runs" / row["run"])[-1]
        assert float(row["validation_loss"]) == last["validation_loss"]
        assert int(row["tokens"]) == int(row["steps"]) * 32
    best = min(
        (
            row
            for row in lines_of(done.place, "learning_rates.csv")
            if (row["family"], row["context_length"], row["step"], row["steps"])
            == ("GPT", "8", "4", "4")
        ),
        key=lambda row: float(row["validation_loss"]),
    )
    rates = {
        row["learning_rate"]
        for row in ended
        if (row["family"], row["context_length"], row["steps"]) == ("GPT", "8", "8")
    }
    assert rates == {best["learning_rate"]}
    assert "figures" in done.said["speed_up"]


def test_settings_beside_the_results_are_whole(done):
    text = (done.place / "results" / "learning_rates.json").read_text()
    settings = json.loads(text)
    assert settings["corpus"] == ["corpus"], "names, not paths of this machine"
    assert settings["torch"] == torch.__version__
    runs = {row["run"] for row in lines_of(done.place, "learning_rates.csv")}
    assert set(settings["runs"]) == runs
    assert str(done.place) not in text


def test_longer_context_evaluates_every_length(done):
    rows = lines_of(done.place, "longer_context.csv")
    assert len(rows) == 2 * 2 * 2 * 5  # models, seeds, contexts, lengths
    for row in rows:
        assert float(row["perplexity"]) == pytest.approx(math.exp(float(row["loss"])))
        assert int(row["evaluated_length"]) % int(row["context_length"]) == 0
    heading = done.said["longer_context"].splitlines()[0]
    assert heading.split() == ["seed", "x1", "x2", "x4", "x8", "x16"]


def test_ablations_write_every_row_with_its_learned_means(done):
    rows = lines_of(done.place, "ablations.csv")
    assert [row["table"] for row in rows[:32]] == [
        *(["4"] * 14),
        *(["5"] * 12),
        *("6", "6", "slerp", "slerp", "start", "start"),
    ]
    assert len(rows) == 32
    frozen = next(row for row in rows if row["variant"] == "kinds ffvv")
    assert (frozen["s_qk_kind"], frozen["s_mlp_kind"], frozen["s_z_kind"]) == (
        *("fixed", "fixed", "element"),
    )
    assert float(frozen["s_qk"]) == float(frozen["s_u"]) == float(frozen["s_nu"]) == 1.0
    assert float(frozen["alpha_A"]) != 0.05
    shown = done.said["ablations"].splitlines()
    assert len(shown) == 1 + 32
    assert shown[1].endswith("+0.00 %")


def test_step_time_times_both_models_in_turn(done):
    rows = lines_of(done.place, "step_time.csv")
    assert [row["family"] for row in rows[:4]] == ["GPT", "nGPT"] * 2
    assert len(rows) == 2 * 2 * 3  # contexts, models, rounds
    assert all(float(row["seconds"]) > 0 for row in rows)
    assert "nGPT / GPT" in done.said["step_time"]


def test_every_recipe_is_trained_and_its_exposure_is_the_sum_of_rate_times_decay(done, monkeypatch):
    monkeypatch.setitem(PRESETS, "toy", TOY)
    runs = decay_exposure.planned_runs(SCALE)
    assert len({run.name for run in runs}) == len(runs) == 12
    assert all(run.name in done.said["decay_exposure"] for run in runs)
    rows = lines_of(done.place, "decay_exposure.csv")
    assert len(rows) == len(runs) * runs[0].model.n_layers * 6
    plain = [row for row in rows if row["variant"] == "decay 0.1" and row["weight"] == "W_q"]
    warmup = [1e-2 * step / 2 for step in (1, 2)]
    cosine = [1e-2 * 0.5 * (1 + math.cos(math.pi * step / 6)) for step in range(6)]
    assert float(plain[0]["exposure"]) == pytest.approx(0.1 * sum(warmup + cosine), rel=1e-12)
    assert {row["exposure"] for row in rows if row["family"] == "nGPT"} == {"0.0"}
    spared = [row for row in rows if "no decay" in row["recipe"]]
    assert {row["weight"] for row in spared if row["exposure"] == "0.0"} == {"W_q", "W_k", "QK"}
    held = [row for row in rows if "Hyperball" in row["recipe"]]
    assert held
    assert all(row["exposure"] == "0.0" for row in held)
