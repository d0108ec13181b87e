"""The dashboard as a browser session sees it, run by streamlit's own test driver."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("streamlit")

import torch
from safetensors.torch import load_file, save_file
from streamlit.testing.v1 import AppTest

from app import loading
from ngpt_inspect import FIGURES

DASHBOARD = Path(__file__).parents[2] / "app" / "dashboard.py"
D_MODEL, VOCAB, D_MLP, N_HEADS = 8, 12, 16, 2
SHOWN = ("embeddings", "condition_numbers", "eigen_learning_rates", "scaling_factors")


def unit(matrix, axis):
    return matrix / np.linalg.norm(matrix, axis=axis, keepdims=True)


def write_ngpt(path, seed=0):
    """Write a small nGPT as NVIDIA's code names it, as safetensors."""
    random = np.random.default_rng(seed)
    rows = {"query": D_MODEL, "key": D_MODEL, "value": D_MODEL, "c_fc": 2 * D_MLP}
    tensors = {
        f"transformer.h.0.{name}.weight": unit(random.normal(size=(n, D_MODEL)), 1)
        for name, n in rows.items()
    }
    for name, width in (("att_c_proj", D_MODEL), ("mlp_c_proj", D_MLP)):
        tensors[f"transformer.h.0.{name}.weight"] = unit(random.normal(size=(D_MODEL, width)), 0)
    for name, size in (("attn_alpha", 8), ("mlp_alpha", 8), ("sqk", 8), ("suv", 2 * D_MLP)):
        tensors[f"transformer.h.0.{name}"] = random.normal(0.35, 0.02, size)
    for name in ("transformer.wte.weight", "lm_head.weight"):
        tensors[name] = unit(random.normal(size=(VOCAB, D_MODEL)), 1)
    tensors["sz"] = random.normal(0.35, 0.02, VOCAB)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.from_numpy(array) for name, array in tensors.items()}, path)
    return path


def write_gpt(path):
    """Write a small Llama-like GPT."""
    random = np.random.default_rng(1)
    matrices = {f"self_attn.{x}_proj": (D_MODEL, D_MODEL) for x in "qkvo"}
    matrices |= {f"mlp.{x}_proj": (D_MLP, D_MODEL) for x in ("up", "gate")}
    matrices |= {"mlp.down_proj": (D_MODEL, D_MLP)}
    tensors = {
        f"model.layers.0.{name}.weight": random.normal(size=size) for name, size in matrices.items()
    }
    for name in ("input_layernorm", "post_attention_layernorm"):
        tensors[f"model.layers.0.{name}.weight"] = random.normal(1, 0.1, D_MODEL)
    tensors["model.norm.weight"] = random.normal(1, 0.1, D_MODEL)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = random.normal(size=(VOCAB, D_MODEL))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.from_numpy(array) for name, array in tensors.items()}, path)
    return path


@pytest.fixture
def models(tmp_path):
    return [write_gpt(tmp_path / "gpt.safetensors"), write_ngpt(tmp_path / "ngpt.safetensors")]


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs the dashboard with a command line."""

    def run(*arguments, **query):
        monkeypatch.setattr(sys, "argv", [str(DASHBOARD), *map(str, arguments)])
        app = AppTest.from_file(str(DASHBOARD), default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception
        return app

    return run


def words(app):
    """Return every text on the page."""
    kinds = ("title", "subheader", "markdown", "caption", "code", "warning", "html")
    return "\n".join(str(each.value) for kind in kinds for each in texts(app, kind))


def texts(app, kind):
    found = app.get(kind)
    return [each if hasattr(each, "value") else Raw(each) for each in found]


class Raw:
    """An element the test driver has no class for."""

    def __init__(self, element):
        self.value = element.proto


def charts(app):
    return app.get("plotly_chart")


def test_nothing_open_says_what_to_type(run):
    app = run()
    assert "streamlit run app/dashboard.py -- " in words(app)
    assert "make demo" in words(app)
    assert not charts(app)


def test_one_checkpoint(run, models):
    app = run(models[1])
    assert len(charts(app)) == len(SHOWN)
    assert "ngpt" in words(app)


def test_two_checkpoints_side_by_side(run, models):
    app = run(*models)
    assert app.title[0].value == "Side by side"
    assert [each.value for each in app.subheader] == [FIGURES[name].title for name in SHOWN]
    assert len(charts(app)) == len(SHOWN)
    shown = words(app).replace("<sub>", "_").replace("</sub>", "")
    for name in SHOWN:
        assert FIGURES[name].formula in shown
        assert f"Source: {FIGURES[name].source}." in shown
    alts = [chart.proto.alt for chart in charts(app)]
    assert all("gpt and ngpt" in alt for alt in alts)
    assert len(app.dataframe) == len(SHOWN)
    assert not app.warning


def test_a_gpt_alone_says_what_only_ngpt_has(run, models):
    app = run(models[0])
    assert any("exist in nGPT only" in chart.proto.alt for chart in charts(app))


def test_a_broken_file_is_a_sentence_and_the_others_stay(run, models, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(models[1].read_bytes()[:100])
    app = run(broken, models[0])
    assert len(app.warning) == 1
    assert "broken.safetensors" in app.warning[0].value
    assert "Traceback" not in words(app)
    assert len(charts(app)) == len(SHOWN)


def test_a_path_is_shown_as_it_is_and_not_as_markdown(run, tmp_path):
    app = run(tmp_path / "*a* $b$ :red[c]")
    assert r"\*a\* \$b\$ \:red\[c\]" in app.warning[0].value


def test_a_missing_path_is_a_sentence(run, tmp_path):
    app = run(tmp_path / "nowhere")
    assert "nowhere" in app.warning[0].value
    assert "streamlit run" in words(app)


def test_a_tensor_with_nan_is_named_under_the_figure(run, tmp_path):
    path = write_gpt(tmp_path / "gpt.safetensors")
    tensors = load_file(path)
    tensors["model.layers.0.self_attn.q_proj.weight"][0, 0] = float("nan")
    save_file(tensors, path)
    alts = [chart.proto.alt for chart in charts(run(path))]
    assert any("q_proj" in alt and "not measured" in alt for alt in alts)


def test_the_path_box_opens_below_the_root_and_the_address_remembers(run, models, tmp_path):
    app = run("--root", tmp_path)
    app.text_input(key="path").input("ngpt.safetensors").run()
    assert not app.exception
    assert len(charts(app)) == len(SHOWN)
    assert app.query_params["open"] in ("ngpt.safetensors", ["ngpt.safetensors"])
    again = run("--root", tmp_path, open=["ngpt.safetensors"])
    assert len(charts(again)) == len(SHOWN)
    again.button(key="close ngpt.safetensors").click().run()
    assert not charts(again)


@pytest.mark.parametrize("path", ["../secret.safetensors", "/etc/passwd", "~/x.safetensors"])
def test_the_path_box_does_not_leave_the_root(run, tmp_path, path):
    (tmp_path / "root").mkdir()
    write_ngpt(tmp_path / "secret.safetensors")
    app = run("--root", tmp_path / "root", open=[path])
    assert "outside the folder" in app.warning[0].value
    assert not charts(app)


def test_nothing_is_measured_twice_until_the_file_changes(run, models, monkeypatch):
    calls = []
    real = loading.measure
    monkeypatch.setattr(loading, "measure", lambda *a, **k: calls.append(a) or real(*a, **k))
    run(models[1])
    first = len(calls)
    assert first > 0
    run(models[1])
    assert len(calls) == first
    write_ngpt(models[1], seed=5)
    os.utime(models[1], ns=(1, 1))
    run(models[1])
    assert len(calls) == 2 * first


def test_equal_names_are_told_apart(run, tmp_path):
    paths = [write_ngpt(tmp_path / name / "model.safetensors", seed=3) for name in ("one", "two")]
    app = run(*paths)
    assert all("one and two" in chart.proto.alt for chart in charts(app))
