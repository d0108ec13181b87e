"""Experiments within a time: what has ended is reported, the same command goes on."""

import csv
import math
import time
from dataclasses import replace

import pytest

from reference_model.errors import OutOfTime
from reference_model.experiments import decay_exposure, laboratory, learning_rates
from reference_model.experiments.runs import is_finished


@pytest.fixture
def clock(monkeypatch):
    """A clock of the laboratory that a test moves; training itself looks at the real one."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    found = Clock()
    monkeypatch.setattr(laboratory, "time", found)
    return found


def test_what_has_ended_in_time_is_reported_and_the_rest_goes_on(
    toy, laboratory, clock, monkeypatch, capsys
):
    runs = decay_exposure.planned_runs(toy)[:3]
    limited = replace(laboratory, deadline=math.inf)
    trained = limited.train_in_time(runs[:2])
    limited = replace(laboratory, deadline=-1.0)
    assert limited.train_in_time(runs) == trained == runs[:2]
    assert "time is up: 2 of 3 runs have ended; run it again" in capsys.readouterr().err
    with pytest.raises(OutOfTime):
        limited.train(runs)
    with pytest.raises(OutOfTime):
        limited.train_in_time(runs[2:])
    assert laboratory.train_in_time(runs) == runs


def test_a_run_stops_at_the_deadline_with_what_it_has(toy, laboratory):
    run = decay_exposure.planned_runs(toy)[0]
    now = replace(laboratory, deadline=time.monotonic() + 1e-9)
    with pytest.raises(OutOfTime):
        now.train([run])
    assert not is_finished(run, laboratory.folder(run))
    laboratory.train([run])
    assert is_finished(run, laboratory.folder(run))


def test_an_experiment_writes_the_runs_that_ended(toy, laboratory, arguments, tmp_path, capsys):
    runs = decay_exposure.planned_runs(toy)
    laboratory.train(runs[:2])
    assert decay_exposure.main([*arguments, "--minutes", "1e-9"]) == 0
    with (tmp_path / "results" / "decay_exposure.csv").open(newline="") as file:
        assert {row["run"] for row in csv.DictReader(file)} == {run.name for run in runs[:2]}
    assert {run.family for run in runs[:2]} == {"GPT", "nGPT"}, "the contrast is trained first"


def test_a_grid_that_is_not_whole_chooses_no_rates(arguments, tmp_path, capsys):
    assert learning_rates.main([*arguments, "--minutes", "1e-9"]) == 0
    told = capsys.readouterr()
    assert "time is up: 0 of" in told.err
    assert not told.out
    assert not (tmp_path / "results" / "learning_rates.csv").exists()


@pytest.mark.parametrize("minutes", ["0", "-1", "inf", "nan"])
def test_impossible_times_are_refused(arguments, minutes, capsys):
    assert decay_exposure.main([*arguments, "--minutes", minutes]) == 2
    assert "give a number above 0" in capsys.readouterr().err
