"""The dashboard as a browser session sees it, run by streamlit's own test driver."""

import pytest
from safetensors.torch import load_file, save_file
from seen import charts, words
from small_models import write_gpt, write_ngpt

from ngpt_inspect import FIGURES

SHOWN = "at_a_glance"


def opened(app):
    """Return how the checkpoints are called that a page shows."""
    return [each.label for each in app.session_state["session"].checkpoints]


@pytest.mark.slow
def test_two_checkpoints_side_by_side(run, models):
    app = run(*models)
    assert app.title[0].value == "Side by side"
    assert [each.value for each in app.subheader] == ["Health", "Differences"]
    (chart,) = charts(app)
    assert "gpt and ngpt" in chart.proto.alt
    shown = words(app).replace("<sub>", "_").replace("</sub>", "")
    assert FIGURES[SHOWN].formula in shown
    assert f"Source: {FIGURES[SHOWN].source}." in shown
    assert len(app.dataframe) == 1, "the differences; numbers of a figure come when they are opened"
    assert not app.warning


def test_a_path_is_shown_as_it_is_and_not_as_markdown(run, tmp_path):
    app = run(tmp_path / "*a* $b$ :red[c]")
    assert r"\*a\* \$b\$ \:red\[c\]" in app.warning[0].value


@pytest.mark.slow
def test_a_tensor_with_nan_is_named_under_the_figure(run, tmp_path):
    path = write_gpt(tmp_path / "gpt.safetensors")
    tensors = load_file(path)
    tensors["model.layers.0.self_attn.q_proj.weight"][0, 0] = float("nan")
    save_file(tensors, path)
    alts = [chart.proto.alt for chart in charts(run(path))]
    assert any("q_proj" in alt and "not measured" in alt for alt in alts)


def test_the_path_box_opens_below_the_root_and_the_address_remembers(run, own_models, tmp_path):
    app = run("--root", tmp_path, page="training")
    app.text_input(key="path").input("ngpt.safetensors").run()
    assert not app.exception
    assert opened(app) == ["ngpt"]
    assert app.query_params["open"] in ("ngpt.safetensors", ["ngpt.safetensors"])
    again = run("--root", tmp_path, page="training", open=["ngpt.safetensors"])
    assert opened(again) == ["ngpt"]
    again.button(key="close ngpt.safetensors").click().run()
    assert opened(again) == []


@pytest.mark.parametrize("path", ["../secret.safetensors", "/etc/passwd", "~/x.safetensors"])
def test_the_path_box_does_not_leave_the_root(run, tmp_path, path):
    (tmp_path / "root").mkdir()
    write_ngpt(tmp_path / "secret.safetensors")
    app = run("--root", tmp_path / "root", open=[path])
    assert "outside the folder" in app.warning[0].value
    assert not charts(app)


def test_equal_names_are_told_apart(run, tmp_path):
    paths = [write_ngpt(tmp_path / name / "model.safetensors", seed=3) for name in ("one", "two")]
    assert opened(run(*paths, page="training")) == ["one", "two"]
