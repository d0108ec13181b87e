"""The page of exports: what can be had, at which size, as which files, and as which code."""

import os
import shutil
from pathlib import Path

import pytest
from seen import charts, words

from app.app_pages.export import blocks as exports
from app.blocks import one_file
from ngpt_inspect import FIGURES, figure
from ngpt_inspect.errors import MissingLibrary

RESULTS = Path(__file__).parents[4] / "results" / "tiny"


def codes(app):
    return [each.value for each in app.code]


def buttons(app):
    return {each.proto.label.strip("*"): each.proto for each in app.get("download_button")}


def test_the_address_chooses_figure_options_width_and_format(run, models):
    look = {"figure": "Embeddings", "width": "one", "format": "svg"}
    app = run(*models, page="export", **look, **{"embeddings-view": "histogram"})
    (chart,) = charts(app)
    wanted = figure("embeddings", models, width="one", view="histogram")
    assert '"width":312' in chart.proto.spec.replace(" ", "")
    assert f"{wanted.layout.height / 96:.2f} inches" in words(app)
    python, shell = codes(app)
    assert 'width="one"' in python
    assert 'view="histogram"' in python
    assert "embeddings.svg" in python
    assert "--set view=histogram" in shell
    assert all(str(model) in python for model in models)


@pytest.mark.slow
def test_the_code_draws_what_is_shown(run, models):
    app = run(*models, page="export", figure=FIGURES["condition_numbers"].title)
    names = {}
    script = codes(app)[0].replace("ni.save_figure(figure,", "print(")
    exec(script, names)
    assert names["figure"].to_json() == figure("condition_numbers", models).to_json()


@pytest.mark.slow
def test_every_format_and_table_has_a_button(run, models):
    found = buttons(run(models[1], page="export"))
    assert {"PDF", "SVG", "PNG", "HTML", "CSV", "Parquet"} <= set(found)


def test_without_a_browser_images_are_off_and_one_sentence_says_why(run, models, monkeypatch):
    def refuse(path):
        raise MissingLibrary("PDF needs Chrome or Chromium", next_step="install one")

    monkeypatch.setattr(exports, "require_format", refuse)
    app = run(models[1], page="export")
    assert "PDF needs Chrome or Chromium; install one" in app.info[0].value
    found = buttons(app)
    assert found["PDF"].disabled
    assert not found["HTML"].disabled


@pytest.mark.slow
def test_relative_paths_stay_as_they_were_typed(run, models, monkeypatch):
    monkeypatch.chdir(models[0].parent)
    app = run("gpt.safetensors", "ngpt.safetensors", page="export")
    assert '["gpt.safetensors", "ngpt.safetensors"]' in codes(app)[0]
    assert exports.typed(str(models[0])) == "gpt.safetensors"
    assert exports.typed(f"{os.sep}elsewhere") == f"{os.sep}elsewhere"


def test_training_results_are_offered_where_they_are_open(run, models, tmp_path):
    (tmp_path / "results").mkdir()
    for name in ("step_time.csv", "step_time.json", "learning_rates.csv", "learning_rates.json"):
        shutil.copy(RESULTS / name, tmp_path / "results" / name)
    app = run(tmp_path / "results", page="export", figure="Time of a training step")
    assert "--names step_time" in codes(app)[1]
    offered = app.selectbox(key="figure").options
    assert FIGURES["condition_numbers"].title not in offered
    app = run(models[0], page="export")
    assert "Time of a training step" not in app.selectbox(key="figure").options


def test_a_figure_with_nothing_to_draw_has_no_files_and_no_code(run, models):
    app = run(models[0], page="export", figure="Eigen learning rates")
    assert "exist in nGPT only" in charts(app)[0].proto.alt
    assert not codes(app)
    assert "PDF" not in buttons(app)


def test_layers_are_those_of_the_checkpoints(run, models):
    app = run(*models, page="export", figure="Queries and keys of one layer")
    assert app.get("button_group")
    assert "layer=0" in codes(app)[0]


def test_everything_can_be_had_as_one_file_and_is_measured_only_when_asked_for(
    run, models, monkeypatch
):
    told, offered, chosen = [], one_file.st.download_button, one_file.figures_for

    def offer(label, data, **how):
        if label == "**Everything** as HTML":
            data()
        return offered(label, data, **how)

    monkeypatch.setattr(one_file, "figures_for", lambda of: chosen(of, ["unit_norm", "changes"]))
    monkeypatch.setattr(one_file, "report_of", lambda *given: told.extend(given) or b"")
    monkeypatch.setattr(one_file.st, "download_button", offer)
    app = run(*models, page="export", figure="Unit norm")
    assert "Everything" not in buttons(app)
    app.toggle(key="report").set_value(True).run()
    assert not app.exception
    assert "Everything** as HTML" in buttons(app)
    checkpoints, measured, _, changed = told
    assert [each.label for each in checkpoints] == ["gpt", "ngpt"]
    assert "unit_norm" in measured.attrs["measures"]
    assert [pair["after"]["label"] for pair in changed.attrs["pairs"]] == ["ngpt"]
    assert (changed["measure"] == "angle").any()
