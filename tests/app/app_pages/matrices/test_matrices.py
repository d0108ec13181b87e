"""The page of matrices in every state that matters."""

import json

import pytest
from seen import alts, charts

from ngpt_inspect.checkpoint import open_checkpoint


@pytest.fixture
def page(run):
    def page(*arguments, **query):
        return run(*arguments, page="matrices", **query)

    return page


@pytest.mark.slow
def test_one_checkpoint(page, models):
    app = page(models[0])
    assert len(charts(app)) == 7
    assert all(models[0].stem in alt for alt in alts(app))
    (facts,) = [each.value for each in app.dataframe if "of this matrix" in each.value]
    assert list(facts)[1:] == [models[0].stem]


def test_the_address_says_which_matrix_and_how_it_is_drawn(page, legible_runs):
    def downloads(app):
        return " ".join(b.proto.id + str(b) for b in app.get("download_button"))

    shown = {"of": "heads", "renormalised": "true", "further": "power_law"}
    app = page(legible_runs[1], role="W_v", **shown)
    assert app.selectbox(key="role").value == "W_v"
    assert any("Power law" in alt for alt in alts(app))
    assert any("after normalising" in alt for alt in alts(app))
    assert "W_v of layer 0, head 0" in downloads(app)
    app.selectbox(key="role").select("W_oMLP").run()
    assert not app.exception
    assert "W_oMLP of layer 0, whole" in downloads(app)


@pytest.mark.slow
def test_a_choice_shows_another_matrix_and_frames_its_cell_also_in_a_reopened_link(page, models):
    def frames(app):
        chart = next(each for each in charts(app) if "layer and head" in each.proto.alt)
        return json.loads(chart.proto.spec)["layout"].get("shapes", [])

    app = page(*models)
    plain, before = frames(app), [each.value for each in app.dataframe]
    app.selectbox(key="role").select("W_v").run()
    assert not app.exception
    after = [each.value for each in app.dataframe]
    assert any(not a.equals(b) for a, b in zip(before, after, strict=True))
    asked = frames(page(*models, role="W_v"))
    assert asked == frames(app) != plain
    assert len(asked) == len(models), "one a checkpoint"
    assert {(each["y0"], each["y1"]) for each in asked} == {(-0.5, 0.5)}, "layer 0"


@pytest.mark.slow
def test_heads_unknown_are_said_and_the_whole_matrix_is_shown(page, models):
    assert open_checkpoint(models[1]).shape.n_heads is None
    app = page(models[1])
    assert not [each for each in app.get("button_group") if each.key == "head"]
    assert any("--heads" in alt for alt in alts(app))
