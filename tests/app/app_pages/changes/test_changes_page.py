"""The page of changes: which two, the map, what is beside it, the most changed."""

import json

import pytest
from app_runs import write_legible_run
from seen import charts, table, words

import ngpt_inspect as ni
from ngpt_inspect.comparing.views import changed_weights


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Write two runs of two steps. Read only."""
    root = tmp_path_factory.mktemp("changing")
    return [write_legible_run(root / name, name) for name in ("ngpt", "gpt")]


@pytest.fixture
def see(run):
    return lambda *paths, **query: run(*paths, page="changes", **query)


@pytest.mark.slow
def test_a_run_is_compared_from_its_first_step_to_its_last(see, runs):
    app = see(runs[0])
    steps = [runs[0] / f"step-0000{step}.safetensors" for step in (10, 20)]
    expected = changed_weights(ni.changes(*steps))
    weights = table(app, "the most changed first")
    assert weights["role"].tolist() == expected["role"].tolist()
    assert weights["angle"].tolist() == expected["angle"].tolist()
    assert len(table(app, "turned most")) == 100
    assert len(charts(app)) == 2
    assert not app.warning


def test_what_is_compared_and_looked_at_stands_in_the_address(see, runs):
    steps = [runs[0] / "step-000020.safetensors", runs[1] / "step-000010.safetensors"]
    app = see(*runs, before="ngpt @ step 20", after="gpt @ step 10", role="W_o", layer="1")
    expected = changed_weights(ni.changes(*steps)).set_index(["role", "layer"])
    assert (
        table(app, "How W_o of layer 1 changed")["change"][0] == f"{expected.angle['W_o', 1]:.4g}"
    )
    frames = json.loads(charts(app)[0].proto.spec)["layout"]["shapes"]
    assert [(each["y0"], each["y1"]) for each in frames] == [(0.5, 1.5)]


@pytest.mark.slow
def test_another_quantity_is_another_order(see, runs):
    weights = table(see(runs[0], of="change_rank_share"), "the most changed first")
    known = weights["change_rank_share"].dropna()
    assert known.is_monotonic_decreasing
    assert not weights["angle"].is_monotonic_decreasing


def test_one_checkpoint_and_one_twice_are_sentences(see, runs, models):
    assert "open another" in see(models[0]).info[0].value
    app = see(runs[0], after="ngpt @ step 10")
    assert "twice" in app.info[0].value
    assert not charts(app)
    assert "Traceback" not in words(app)
