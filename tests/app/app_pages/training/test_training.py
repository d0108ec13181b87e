"""The page of training in every state that runs can be in, also while they grow."""

import csv
from pathlib import Path

import pytest
from app_runs import log, save, write_run
from seen import charts, words

from app.app_pages.training.runs import OpenRun, share_done, stamps, status_in_words
from app.engine import questions
from app.engine.loading import status_once
from ngpt_inspect import FIGURES
from ngpt_inspect.run_status import RunStatus


@pytest.fixture
def page(run):
    """Return a function that opens the page of training."""
    return lambda *arguments, **query: run(*arguments, page="training", **query)


@pytest.fixture(scope="module")
def gpt(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "gpt", "gpt", slower=1.5)


@pytest.fixture(scope="module")
def ngpt(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "ngpt", "ngpt")


@pytest.fixture
def own_gpt(tmp_path):
    """A run that was written this very moment: it is still training."""
    return write_run(tmp_path / "gpt", "gpt", slower=1.5)


@pytest.fixture
def own_ngpt(tmp_path):
    """A run that a test may change."""
    return write_run(tmp_path / "ngpt", "ngpt")


def progress(app):
    """Return the lines of status with a bar: text by share."""
    return [(each.proto.value, each.proto.text) for each in app.get("progress")]


def read_out(app):
    """Return the rows of the table of what it took, by run."""
    (table,) = [each.value for each in app.dataframe if "the loss is" in each.value]
    return {row["run"]: row for row in table.to_dict("records")}


@pytest.mark.slow
def test_a_run_while_it_trains(page, own_gpt):
    app = page(own_gpt)
    ((share, text),) = progress(app)
    assert share == 50
    assert text.startswith("training · step 20 of 40 · 640 tokens · 10 s of training")
    assert "2 steps a second" in text
    assert "about 10 s left" in text
    assert app.toggle(key="follow").value
    assert [FIGURES[name].title in words(app) for name in ("training_curves", "trajectories")]
    assert len(charts(app)) == 2
    assert not app.warning
    assert not app.metric, "one run is compared with nothing"
    assert read_out(app)["gpt"]["compared with"] == "–"


def test_what_a_run_logs_between_two_checkpoints_is_seen(own_gpt):
    """The page looks at these every two seconds, and is drawn again where they changed."""
    runs = [OpenRun(folder=own_gpt, label="gpt", checkpoint=None)]
    seen, status = stamps(runs), status_once(own_gpt)
    assert (seen, status) == (stamps(runs), status_once(own_gpt))
    log(own_gpt, range(21, 26))
    assert stamps(runs) != seen
    assert (status.step, status_once(own_gpt).step) == (20, 25)


@pytest.mark.slow
def test_a_finished_run_is_not_followed(page, tmp_path):
    app = page(write_run(tmp_path / "run", "ngpt", 40))
    (_, text) = progress(app)[0]
    assert text.startswith("finished · step 40 of 40")
    assert not any(each.key == "follow" for each in app.toggle)


@pytest.mark.parametrize(
    ("done", "planned", "age", "said", "unsaid"),
    [
        (20, 40, 3, ["training", "of 40", "about 10 s left", "last line 3 s ago"], ["no check"]),
        (
            20,
            40,
            600,
            ["stopped or paused", "line 10 min ago", "0.2 steps a"],
            ["left"],
        ),
        (40, 40, 600, ["finished", "step 40 of 40", "0.4 steps a second"], ["left", "ago", "now"]),
        (20, None, 3, ["training", "step 20 ·", "2 steps a second now"], ["of 40", "left"]),
    ],
)
def test_status_in_words(done, planned, age, said, unsaid):
    status = RunStatus(
        folder=Path(),
        step=done,
        steps=planned,
        tokens=1_200_000,
        seconds=100.0,
        seconds_a_step=0.5,
        written=1000.0,
        saved=(10,),
    )
    words = status_in_words(status, 1000.0 + age)
    assert "1.2M tokens" in words
    assert all(each in words for each in said)
    assert not any(each in words for each in unsaid)
    assert share_done(status) == (None if planned is None else done / planned)


@pytest.mark.slow
def test_two_runs_and_what_they_took(page, gpt, ngpt):
    app = page(gpt, ngpt)
    assert len(progress(app)) == 2
    # Losses end at 4 - log(20 / 1.5) / 2 = 2.705 of GPT, which the slider rounds up to 2.71.
    assert app.slider(key="loss").value == pytest.approx(2.71)
    assert app.metric[0].label == "ngpt against gpt"
    assert app.metric[0].value == "1.50×"
    assert read_out(app)["ngpt"]["in steps"] == "1.50×"
    assert read_out(app)["gpt"]["the loss is"] == "reached"
    app.slider(key="loss").set_value(2.55).run()
    assert not app.exception
    rows = read_out(app)
    assert rows["gpt"]["the loss is"] == "not reached yet"
    assert rows["gpt"]["steps"] == "more than 20"
    assert rows["ngpt"]["in steps"].startswith("at least 1.")
    assert app.metric[0].value == rows["ngpt"]["in steps"]


def test_several_runs_stand_side_by_side(page, gpt, ngpt, tmp_path):
    folders = [gpt, ngpt, write_run(tmp_path / "another", "ngpt", slower=3, saved=(20,))]
    app = page(*folders, moved_quantity="eigen_learning_rate")
    assert len(progress(app)) == 3
    assert set(read_out(app)) == {folder.name for folder in folders}
    assert all(each.name in charts(app)[0].proto.alt for each in folders)


def test_the_address_reopens_the_view(page, gpt, ngpt):
    app = page(gpt, ngpt, against="tokens", loss="2.80", moved_quantity="unit_deviation")
    assert app.slider(key="loss").value == pytest.approx(2.8)
    assert "training tokens" in charts(app)[0].proto.spec
    assert app.selectbox(key="moved_quantity").value == "unit_deviation"


@pytest.mark.slow
def test_a_loss_of_another_link_is_brought_within_bounds(page, ngpt):
    slider = page(ngpt, loss="99.0").slider(key="loss")
    assert slider.min <= slider.value <= slider.max


def test_a_run_that_grows_while_it_is_looked_at(page, own_ngpt):
    app = page(own_ngpt)
    app.slider(key="loss").set_value(2.6).run()
    log(own_ngpt, range(21, 31))
    save(own_ngpt, "ngpt", 30)
    with (own_ngpt / "metrics.jsonl").open("a") as file:
        file.write('{"step": 31, "tok')  # being written at this instant
    app.run()
    assert not app.exception
    ((share, text),) = progress(app)
    assert share == 75
    assert "step 30 of 40" in text
    assert "half-written" in text
    assert app.slider(key="loss").value == pytest.approx(2.6), "what was chosen stays"
    assert app.slider(key="loss").min < 2.31
    assert not app.warning


def test_a_saved_step_is_measured_once(page, own_ngpt, monkeypatch):
    calls = []
    real = questions.measure
    monkeypatch.setattr(
        questions, "measure", lambda *a, **k: calls.append(a[0].step) or real(*a, **k)
    )
    page(own_ngpt)
    assert sorted(calls) == [10, 20]
    log(own_ngpt, range(21, 31))
    save(own_ngpt, "ngpt", 30)
    app = page(own_ngpt)
    assert sorted(calls) == [10, 20, 30]
    app.selectbox(key="moved_role").set_value("W_k").run()
    assert sorted(calls) == [10, 20, 30], "another role is drawn of what is known"


def test_a_run_before_its_first_checkpoint(page, tmp_path):
    young = tmp_path / "young"
    log(young, range(1, 4))
    app = page(young)
    assert not app.exception
    assert "step 3" in words(app)
    assert "no checkpoint yet" in words(app)
    assert not app.warning


def test_checkpoints_outside_a_run_are_a_sentence(page, models, gpt):
    app = page(models[1], gpt)
    assert "Not in the folder of a training run" in app.info[0].value
    assert "ngpt" in app.info[0].value
    assert len(charts(app)) == 2


def test_broken_metrics_are_a_sentence_and_the_other_run_stays(page, gpt, own_ngpt):
    (own_ngpt / "metrics.jsonl").write_text("no JSON\n" + (own_ngpt / "metrics.jsonl").read_text())
    app = page(gpt, own_ngpt)
    assert any("line 1 is not JSON" in each.value for each in app.warning)
    assert "gpt" in charts(app)[0].proto.alt
    assert len(charts(app)) == 2


def test_a_run_without_metrics(page, own_ngpt):
    (own_ngpt / "metrics.jsonl").unlink()
    app = page(own_ngpt)
    assert "there is no metrics" in app.warning[0].value
    assert len(charts(app)) == 1, "its saved steps can be followed all the same"


def test_what_only_one_family_has(page, gpt):
    app = page(gpt, moved_quantity="eigen_learning_rate")
    assert "Nothing that is open has any of it." in words(app)


def write_csv(path, rows):
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_results_of_experiments(page, tmp_path):
    rows = [
        {"run": f"{family}-{steps}", "family": family, "size": "tiny", "variant": ""}
        | {"context_length": 8, "batch_size": 4, "steps": steps, "learning_rate": 1e-3, "seed": 0}
        | {"step": at, "tokens": 32 * at, "seconds": at, "validation_loss": 9 - at**0.25 * faster}
        for family, faster in (("GPT", 1), ("nGPT", 1.2))
        for steps in (100, 200)
        for at in range(25, steps + 1, 25)
    ]
    told = {"task": "pairs", "metric": "acc", "shots": 0, "documents": 100, "value": 0.6}
    told |= {"standard_error": 0.05, "chance": 0.5}
    lost = ("seconds", "validation_loss")
    ends = [row for row in rows if row["step"] == row["steps"]]
    right = [{name: row[name] for name in row if name not in lost} | told for row in ends]
    path = write_csv(tmp_path / "results" / "speed_up.csv", rows)
    write_csv(path.with_name("downstream_tasks.csv"), right)
    app = page(path.parent)
    for name in ("loss_curves", "final_losses", "speed_up", "downstream_accuracy"):
        assert FIGURES[name].title in [each.value for each in app.subheader]
    assert FIGURES["step_time"].title not in words(app)
    assert not app.warning
    path.write_text("run,family\n")
    app = page(path)
    assert app.warning
    assert not charts(app)
