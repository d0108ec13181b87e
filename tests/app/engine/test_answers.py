"""What a page does while its numbers are on their way, and when some never come."""

import json
import re
import threading

import pandas as pd
import pytest
from browsing import eventually
from seen import charts, colors, panels, words
from small_models import write_gpt, write_ngpt

from app.engine import answers, questions
from app.engine.jobs import Workshop
from app.engine.loading import store, workshop
from app.engine.questions import requests
from ngpt_inspect import measure, open_checkpoint, summarise
from ngpt_inspect.errors import InspectError
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.plotting import thinned
from ngpt_inspect.summary import health_measures

MATRICES = [f"κ of W<sub>{name}</sub>" for name in ("q", "k", "v", "o", "u", "ν", "oMLP")]
NORMS = ["‖E<sub>input</sub>‖", "‖E<sub>output</sub>‖"]
MEANS = [f"mean |{name}</sub>|" for name in ("α<sub>A", "α<sub>M", "s<sub>qk")]
PANELS = {*MATRICES, *NORMS, *MEANS}
"""What the first page draws of an nGPT: something of each measure."""


@pytest.fixture
def hold():
    """Keep the workshop busy until the event is set."""
    event = threading.Event()
    workshop().ask(object(), "hold", lambda progress: event.wait(600))
    yield event
    event.set()


@pytest.mark.slow
def test_a_page_is_shown_before_its_numbers_and_again_with_them(run, own_models, hold, monkeypatch):
    monkeypatch.setattr(answers, "PATIENCE", 0)
    app = run(*own_models)
    assert not charts(app)
    every = ", ".join(MEASURES[name].title.lower() for name in health_measures())
    assert f"Still to come: {every}." in words(app)
    assert app.title[0].value == "Side by side"
    assert app.button(key="stop").label == "Stop"
    (bar,) = app.get("progress")
    assert "of gpt" in bar.proto.text
    hold.set()
    monkeypatch.setattr(answers, "PATIENCE", 60)
    app.run()
    assert panels(app) == PANELS
    assert "Still to come" not in words(app)
    assert not app.get("progress")


def test_stopping_leaves_the_page_and_offers_to_go_on(run, own_models, hold, monkeypatch):
    monkeypatch.setattr(answers, "PATIENCE", 0)
    app = run(own_models[1])
    app.button(key="stop").click().run()
    hold.set()
    assert workshop().ask("after", "after", lambda progress: None).wait(120)
    app.run()
    assert not charts(app)
    assert "Condition numbers of ngpt" in app.info[0].value
    monkeypatch.setattr(answers, "PATIENCE", 60)
    app.button(key="go on").click().run()
    assert panels(app) == PANELS
    assert not app.info


@pytest.mark.slow
def test_a_measure_that_fails_is_a_sentence_and_the_others_keep_their_colours(
    run, own_models, monkeypatch
):
    real = questions.measure

    def fails(checkpoint, name, **more):
        if checkpoint.family == "GPT":
            raise InspectError("the file has changed", where=checkpoint.contents.source)
        return real(checkpoint, name, **more)

    both = colors(run(*own_models))
    for path in own_models:
        path.touch()
    monkeypatch.setattr(questions, "measure", fails)
    app = run(*own_models)
    assert any("the file has changed" in each.value for each in app.warning)
    assert panels(app) == PANELS
    one = colors(app)
    monkeypatch.setattr(questions, "measure", real)
    app.button(key="try again").click().run()
    assert not app.warning
    assert colors(app) == both
    assert one.keys() == both.keys()
    assert all(one[panel] and one[panel] <= both[panel] for panel in both)
    assert one != both


def test_what_takes_least_is_asked_for_first(run, own_models, idle, monkeypatch):
    asked, real = [], Workshop.ask
    monkeypatch.setattr(questions, "LARGE", 1)  # samples are put before what they stand for
    monkeypatch.setattr(
        Workshop,
        "ask",
        lambda self, key, title, work, **more: (
            asked.append((title, more["seconds"]())) or real(self, key, title, work, **more)
        ),
    )
    run(own_models[0], page="embeddings")
    figure = asked[: [title for title, _ in asked].index("Pairwise dot products of gpt") + 1]
    assert figure[0][0] == "Embedding norms of gpt"
    assert figure == sorted(figure, key=lambda each: each[1])


def test_a_sample_is_shown_until_all_of_it_is_there(run, own_models, monkeypatch):
    real, whole = questions.measure, threading.Event()

    def slow(checkpoint, names, **more):
        if "dot_products" in names and not more.get("quick"):
            whole.wait(600)
        return real(checkpoint, names, **more)

    monkeypatch.setattr(questions, "measure", slow)
    monkeypatch.setattr(questions, "LARGE", 1)
    monkeypatch.setattr(answers, "PATIENCE", 0)
    title = MEASURES["dot_products"].title
    try:
        opened = run(own_models[0], page="embeddings").session_state["session"].checkpoints
        (dots,), (norms,) = (
            requests(opened, [name]) for name in ("dot_products", "embedding_norms")
        )
        for quick in (dots.sample(), norms):  # they do not wait for what is slow
            assert eventually(lambda quick=quick: quick.kept() is not None)
        app = run(own_models[0], page="embeddings")
        told = re.findall("random sample so far: .*", words(app).replace("\\", ""))
        # Beside what else is not measured yet.
        assert any(f"{title} of gpt" in sentence for sentence in told)
        (chart,) = charts(app)
        drawn = json.loads(chart.proto.spec)["data"]
        assert {trace["meta"].partition(" ")[0] for trace in drawn} >= {"E_input", "E_output"}
    finally:
        whole.set()
    monkeypatch.setattr(answers, "PATIENCE", 300)
    app = run(own_models[0], page="embeddings")
    assert "Still to come" not in words(app)
    (exact,) = requests(app.session_state["session"].checkpoints, ["dot_products"])
    assert "sampled" not in set(exact.kept()["status"])


def test_what_someone_looks_at_goes_before_what_waits(tmp_path):
    checkpoint = open_checkpoint(write_ngpt(tmp_path / "ngpt.safetensors"))
    (one,) = requests([checkpoint], ["condition_numbers"], roles=["W_q"])
    (all_of_it,) = requests([checkpoint], ["condition_numbers"])
    assert 0 < one.seconds() < all_of_it.seconds()
    (wrong,) = requests([checkpoint], ["neighbours"], options={"token": "nowhere"})
    assert wrong.seconds() == 0, "it says at once what is wrong"


@pytest.mark.slow
def test_results_are_kept_for_the_next_start(run, own_models, own_cache, monkeypatch):
    run(own_models[1])
    assert list(own_cache.glob("*.parquet"))
    monkeypatch.setattr(questions, "measure", lambda *a, **k: pytest.fail("measured again"))
    store()._tables.clear()  # as after a restart
    assert panels(run(own_models[1])) == PANELS


def test_requests_leave_out_what_a_checkpoint_has_not(tmp_path):
    gpt = open_checkpoint(write_gpt(tmp_path / "gpt.safetensors"))
    ngpt = open_checkpoint(write_ngpt(tmp_path / "ngpt.safetensors"))
    (asked,) = requests([gpt, ngpt], ["eigen_learning_rates"], roles=["alpha_A"])
    assert (asked.checkpoint, asked.roles) == (ngpt, ("alpha_A",))
    assert requests([gpt, ngpt], ["condition_numbers"], layers=[7]) == []


def test_a_key_names_the_file_the_question_and_nothing_else(tmp_path):
    path = write_ngpt(tmp_path / "ngpt.safetensors")
    ask = {"measures": ["condition_numbers"], "roles": ["W_q"]}
    (one,) = requests([open_checkpoint(path)], **ask)
    (same,) = requests([open_checkpoint(path, label="other name")], **ask)
    assert one.key == same.key
    others = [
        requests([open_checkpoint(path)], **(ask | {"roles": ["W_k"]}))[0],
        requests([open_checkpoint(path)], **ask, layers=[0])[0],
        requests([open_checkpoint(path)], **ask, whole=True)[0],
        requests([open_checkpoint(path)], **ask, options={"bins": 3})[0],
        requests([open_checkpoint(path, heads=4)], **ask)[0],
    ]
    write_ngpt(path, seed=7)
    path.touch()
    others += requests([open_checkpoint(path)], **ask)
    assert len({one.key, *(each.key for each in others)}) == 1 + len(others)


@pytest.mark.parametrize("first", questions.ONE_PASS)
def test_what_one_pass_answers_is_what_each_measure_says_alone(tmp_path, monkeypatch, first):
    passes, real = [], questions.measure
    checkpoint = open_checkpoint(write_ngpt(tmp_path / "ngpt.safetensors"))

    def counted(model, names, **more):
        if model.contents is checkpoint.contents:  # another test's work may still go on
            passes.append(names)
        return real(model, names, **more)

    monkeypatch.setattr(questions, "measure", counted)
    asked = {name: requests([checkpoint], [name], whole=True)[0] for name in questions.ONE_PASS}
    asked[first].work(lambda done, total: None)
    for name, each in asked.items():
        kept, alone = each.kept(), summarise(measure(checkpoint, name))
        found = each.shown(kept).reset_index(drop=True)
        pd.testing.assert_frame_equal(
            found, alone.reset_index(drop=True), check_exact=True, check_frame_type=False
        )
        assert kept.attrs["measures"] == [name]
        assert kept.attrs["settings"] == alone.attrs["settings"]
        each.work(lambda done, total: None)
    assert len(passes) == 1


def test_one_measurement_answers_every_way_to_ask(run, models, monkeypatch):
    run(models[1])
    monkeypatch.setattr(questions, "measure", lambda *a, **k: pytest.fail("measured again"))
    checkpoint = open_checkpoint(models[1])
    for ask in ({}, {"whole": True}, {"layers": [0], "roles": ["W_q"]}):
        expected = measure_directly(checkpoint, **ask)
        for restarted in (False, True):
            if restarted:
                store()._tables.clear()
            (asked,) = requests([checkpoint], ["condition_numbers"], **ask)
            table = asked.shown(asked.kept()).reset_index(drop=True)
            pd.testing.assert_frame_equal(table, expected, check_frame_type=False)


def measure_directly(checkpoint, whole=False, **selection):
    table = summarise(measure(checkpoint, "condition_numbers", **selection))
    if "layers" in selection:
        table = table[table["layer"].notna()]
    return (table if whole else thinned(table)).reset_index(drop=True)
