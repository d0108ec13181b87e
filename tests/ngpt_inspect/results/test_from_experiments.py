"""From the command lines of all experiments to every table, on models that train in an instant."""

import csv
import math
from functools import cache

import numpy as np
import pytest
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

EXPERIMENTS = (
    *(learning_rates, speed_up, longer_context, ablations, step_time),
    *(decay_exposure, paper_length, heads_and_depth),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of runs and one of results of all experiments."""
    place = tmp_path_factory.mktemp("experiments")
    corpus = write_corpus(place / "corpus")
    told = ["--scale", "toy", "--data", str(corpus), "--device", "cpu"]
    told += ["--runs", str(place / "runs"), "--results", str(place / "results")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "toy", TOY)
        patch.setitem(SCALES, "toy", SCALE)
        assert [experiment.main(told) for experiment in EXPERIMENTS] == [0] * len(EXPERIMENTS)
    write_rows(place / "results" / "downstream_tasks.csv", answers())
    return place


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
    assert len(table) == 3 * 2 * 2  # contexts, seeds, budgets of nGPT
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
