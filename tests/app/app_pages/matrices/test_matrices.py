"""The page of matrices in every state that matters."""

import json

import pytest
from seen import charts

from app.app_pages.matrices import blocks as matrix_blocks
from ngpt_inspect.checkpoint import open_checkpoint


def alts(app):
    return [chart.proto.alt for chart in charts(app)]


@pytest.fixture
def page(run):
    def page(*arguments, **query):
        return run(*arguments, page="matrices", **query)

    return page


def test_one_checkpoint(page, models):
    app = page(models[0])
    assert len(charts(app)) == 7
    assert all(models[0].stem in alt for alt in alts(app))
    (facts,) = [each.value for each in app.dataframe if "of this matrix" in each.value]
    assert list(facts)[1:] == [models[0].stem]


def test_the_address_says_which_matrix_and_how_it_is_drawn(page, models):
    app = page(*models, role="W_oMLP", of="whole", renormalised="true", shown="mlp")
    assert app.selectbox(key="role").value == "W_oMLP"
    assert any("after normalising" in alt for alt in alts(app))
    assert "W_oMLP of layer 0" in " ".join(b.proto.id + str(b) for b in app.get("download_button"))


def test_a_click_on_a_cell_chooses_its_matrix(monkeypatch):
    state = {"heads": Selected([["gpt", 1, "W_k", 3, 200, None]])}
    monkeypatch.setattr(matrix_blocks.st, "session_state", state)
    monkeypatch.setattr(matrix_blocks, "write", state.update)
    matrix_blocks._take_cell()
    assert (state["layer"], state["role"], state["head"]) == ("1", "W_k", "3")
    state["condition numbers"] = Selected([["gpt", 0, "W_u", None, 200, None]])
    matrix_blocks._take_curve()
    assert (state["layer"], state["role"], state["head"]) == ("0", "W_u", "3")
    state["heads"] = Selected([])
    matrix_blocks._take_cell()
    assert state["role"] == "W_u"


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


class Selected:
    """What streamlit hands over of points that were clicked."""

    def __init__(self, found):
        self.selection = self
        self.points = [{"customdata": each} for each in found]


def test_heads_unknown_are_said_and_the_whole_matrix_is_shown(page, models):
    assert open_checkpoint(models[1]).shape.n_heads is None
    app = page(models[1])
    assert not [each for each in app.get("button_group") if each.key == "head"]
    assert any("--heads" in alt for alt in alts(app))
