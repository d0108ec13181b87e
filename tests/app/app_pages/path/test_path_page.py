"""The page of paths as a browser session sees it."""

import threading

import pytest
import torch
from seen import charts, words
from small_models import write_gpt, write_ngpt

from app.engine import answers, jobs, loading
from ngpt_inspect.figures import FIGURES
from reference_model import trace as reference_trace
from reference_model.checkpoint import save_checkpoint
from reference_model.config import GPTConfig, NGPTConfig, TrainConfig
from reference_model.data.tokens import ByteTokenizer
from reference_model.model import build_model

SHAPE = {
    "vocab_size": 256,
    "n_layers": 2,
    "n_heads": 2,
    "d_model": 8,
    "d_mlp": 16,
    "context_length": 16,
}
PROMPT = "héllo you"


def write_run(folder, family="ngpt", seed=0):
    """Write the folder of a run with a tokenizer of bytes; return it."""
    torch.manual_seed(seed)
    config = {"gpt": GPTConfig, "ngpt": NGPTConfig}[family](**SHAPE)
    training = TrainConfig(steps=3, batch_size=1, learning_rate=1e-3)
    save_checkpoint(folder, build_model(config), training, step=3, tokens=0)
    (folder / "tokenizer.json").write_text(ByteTokenizer().to_json())
    return folder


@pytest.fixture(autouse=True)
def no_cache():
    """Begin each test with nothing known: folders of different tests must not meet."""
    yield
    loading._trace_file.clear()
    loading.made_trace_once.clear()


def write_runs(folder):
    return [write_run(folder / "gpt", "gpt"), write_run(folder / "ngpt")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def own_runs(tmp_path):
    """Runs that a test may change, and that no model was run of."""
    return write_runs(tmp_path)


def opened(run, *arguments, **query):
    return run(*arguments, page="path", **{"prompt": PROMPT} | query)


def infos(app):
    return " ".join(each.value for each in app.info)


def tables(app):
    """Return the tables of predictions: not the numbers behind a figure, nor the coordinates."""
    others = {"checkpoint", "largest_channel"}
    return [each.value for each in app.dataframe if not others & set(each.value)]


@pytest.mark.slow
def test_a_gpt_beside_an_ngpt(run, runs):
    app = opened(run, *runs)
    assert [chart.proto.alt.partition(" of ")[0] for chart in charts(app)] == [
        FIGURES[name].title
        for name in ("path_angles", "path_projection", "path_states", "attention_heads")
    ]
    for chart in charts(app):
        assert "of gpt and ngpt." in chart.proto.alt
    shown = words(app).replace("<sub>", "_").replace("</sub>", "")
    for name in ("path_angles", "path_projection"):
        assert FIGURES[name].formula in shown
        assert FIGURES[name].title in [each.value for each in app.subheader]
    assert not app.warning
    assert not app.info
    for table in tables(app):
        assert table["text"].tolist()[:4] == ["h", "<0xC3>", "<0xA9>", "l"]
        assert list(table.columns)[5:] == [
            *("embedding", "0 attention", "0 MLP", "1 attention", "1 MLP")
        ]


@pytest.mark.slow
def test_the_page_is_not_empty_before_anything_is_typed(run, runs):
    app = run(runs[1], page="path")
    assert "50 tokens, the model's context 16" in infos(app)  # bytes: a real vocabulary has fewer
    app.text_input(key="prompt").input("hi").run()
    assert not app.exception
    assert len(charts(app)) == 4
    app.text_input(key="prompt").input("").run()
    assert not app.exception
    assert "the prompt is empty" in infos(app)
    assert not charts(app)


def test_one_token_and_the_other_centre_come_from_the_address(run, runs):
    app = opened(run, *runs, position="3: l", centre="next")
    assert app.selectbox(key="position").value == "3: l"
    for table in tables(app):
        assert table["after"].tolist()[:2] == ["embedding", "0 attention"]
        assert len(table) == 5
    steps, picture = charts(app)[:2]
    assert "token 3 is “l”, followed by “l”" in steps.proto.alt
    assert "degrees from the next token" in picture.proto.spec
    app.selectbox(key="position").select_index(10).run()
    assert not app.exception
    assert "No token 9 with a known next token" in charts(app)[1].proto.alt


def test_a_token_the_address_asks_for_in_vain(run, runs):
    app = opened(run, runs[1], position="99: x")
    assert app.selectbox(key="position").value == "all tokens"
    assert len(charts(app)) == 4


def test_others_cannot_be_run_and_keep_their_place(run, runs, tmp_path):
    foreign = write_gpt(tmp_path / "llama.safetensors"), write_ngpt(tmp_path / "nvidia.safetensors")
    app = opened(run, *foreign, runs[1])
    assert "llama" in infos(app)
    assert "nvidia" in infos(app)
    assert len(app.info) == 2
    assert all("of ngpt." in chart.proto.alt for chart in charts(app))
    from ngpt_inspect.figures.canvas.theme import SHADES

    assert SHADES["nGPT"][1] in charts(app)[0].proto.spec
    assert SHADES["nGPT"][0] not in charts(app)[0].proto.spec


def test_a_model_of_transformers_is_run_when_somebody_says_so(run, runs, tmp_path, monkeypatch):
    """As a job that tells of its layers; what comes is drawn beside the others."""
    folder = write_gpt(tmp_path / "llama" / "model.safetensors").parent
    (folder / "config.json").write_text("{}")
    asked, told = [], []

    def trace_model(model, prompt, output, *, progress):
        asked.append((model, prompt))
        for layer in (1, 2):
            progress(layer, 2)
        return reference_trace.write_trace(runs[0], prompt, output)

    real = jobs.BackgroundJob._progress
    monkeypatch.setattr(jobs.BackgroundJob, "_progress", lambda *a: told.append(a[1:]) or real(*a))
    monkeypatch.setattr("ngpt_inspect.tracing.trace_model", trace_model)
    app = opened(run, folder)
    assert not asked
    assert not charts(app)
    app.toggle[0].set_value(True).run()
    assert asked == [(folder, PROMPT)]
    assert (0.5, 1) in told
    assert all("of llama." in chart.proto.alt for chart in charts(app))
    assert "Coordinates that stand out" in [each.value for each in app.subheader]
    assert app.query_params["run llama"] == "true"


@pytest.mark.slow
def test_one_more_model_does_not_run_the_others_again(run, runs, tmp_path, monkeypatch):
    asked = []

    def trace_model(model, prompt, output, *, progress):
        asked.append(model.name)
        return reference_trace.write_trace(runs[0], prompt, output)

    monkeypatch.setattr("ngpt_inspect.tracing.trace_model", trace_model)
    folders = [write_gpt(tmp_path / name / "model.safetensors").parent for name in ("one", "two")]
    for folder in folders:
        (folder / "config.json").write_text("{}")
    app = opened(run, *folders)
    for toggle in range(2):
        app.toggle[toggle].set_value(True).run()
    assert asked == ["one", "two"]
    assert all("of one and two." in chart.proto.alt for chart in charts(app))


def test_no_tokenizer_is_a_sentence(run, own_runs):
    (own_runs[0] / "tokenizer.json").unlink()
    app = opened(run, *own_runs)
    assert "no tokenizer" in infos(app)
    assert all("of ngpt." in chart.proto.alt for chart in charts(app))


@pytest.mark.slow
def test_a_trace_is_opened_by_its_path_below_the_root(run, own_runs, tmp_path):
    file = tmp_path / "root" / "kept.safetensors"
    reference_trace.write_trace(own_runs[0], "abc", file)
    app = run("--root", tmp_path / "root", page="path")
    app.text_input(key="path").input("kept.safetensors").run()
    assert not app.exception
    assert all("of gpt." in chart.proto.alt for chart in charts(app))
    outside = run("--root", tmp_path / "root", page="path", open=["../gpt"])
    assert "outside the folder" in words(outside)
    assert not charts(outside)


@pytest.mark.slow
def test_a_trace_beside_its_own_checkpoint(run, runs, tmp_path):
    file = reference_trace.write_trace(runs[0], "abc", tmp_path / "kept.safetensors")
    app = opened(run, runs[0], file)
    assert not app.exception
    assert "gpt (kept)" in charts(app)[0].proto.alt
    assert len(tables(app)) == 2


def test_a_damaged_trace_is_a_sentence(run, runs, tmp_path):
    file = reference_trace.write_trace(runs[0], "abc", tmp_path / "kept.safetensors")
    data = bytearray(file.read_bytes())
    data[-4:] = b"\xff\xff\xff\x7f"  # NaN
    file.write_bytes(data)
    app = opened(run, runs[1], file)
    assert "NaN or infinite" in infos(app)
    assert all("of ngpt." in chart.proto.alt for chart in charts(app))


@pytest.mark.slow
def test_no_model_is_run_twice_on_a_prompt_until_its_file_changes(run, own_runs, monkeypatch):
    calls = []
    real = reference_trace.write_trace
    monkeypatch.setattr(
        reference_trace, "write_trace", lambda *a, **k: calls.append(a) or real(*a, **k)
    )
    app = opened(run, own_runs[1])
    app.segmented_control(key="centre").select("next").run()
    assert len(calls) == 1
    write_run(own_runs[1], seed=9)
    app.text_input(key="prompt").input("other").run()
    app.text_input(key="prompt").input(PROMPT).run()
    assert len(calls) == 3


def test_models_are_run_in_the_background_and_once(run, own_runs, monkeypatch):
    held = threading.Event()
    loading.workshop().ask(object(), "hold", lambda progress: held.wait(600))
    monkeypatch.setattr(answers, "PATIENCE", 0)
    app = opened(run, *own_runs)
    assert "Not followed yet." in words(app)
    assert "Paths of the prompt" in app.get("progress")[0].proto.text
    held.set()
    monkeypatch.setattr(answers, "PATIENCE", 60)
    app.run()
    assert len(charts(app)) == 4
    monkeypatch.setattr(reference_trace, "write_trace", lambda *a: pytest.fail("run again"))
    loading.store()._tables.clear()  # as after a restart
    again = opened(run, *own_runs)
    assert len(charts(again)) == 4
    assert not again.info
