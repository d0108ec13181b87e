"""The first page and the left column, as a browser session sees them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from seen import charts, words
from small_models import write_ngpt

from app.app_pages.overview.cards import facts
from app.engine import answers
from app.engine.jobs import Workshop
from app.frame import uploads
from app.frame.text import plain
from ngpt_inspect import open_checkpoint
from ngpt_inspect.summary import HEALTH_MEASURES, health
from ngpt_inspect.tables import measure

FIGURES = 4


def changed(path, change):
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    return path


def asked(app, key):
    value = app.query_params[key]
    return [value] if isinstance(value, str) else value


def marks(app):
    """Return the words of the cells of the health grid."""
    return [each.value for each in app.markdown if ":material/" in each.value]


def test_two_checkpoints(run, models):
    """Health says what the room below says, and links; differences are counted and listed."""
    app = run(*models)
    checkpoints = [open_checkpoint(path) for path in models]
    expected = health(checkpoints, measure(checkpoints, HEALTH_MEASURES))
    cells = "\n".join(marks(app))
    for row in expected.itertuples():
        assert f" {row.level}] {plain(row.text)}" in cells
    for (_, level), count in expected.groupby(["checkpoint", "level"]).size().items():
        assert f"**{count} {level}**" in cells
    rules = next(each.value for each in app.markdown if each.value.startswith("- **"))
    assert all(plain(rule) in rules for rule in expected["rule"].unique())
    assert "Still to come" not in words(app)

    (dead,) = [each.proto for each in app.get("page_link") if each.proto.page == "embeddings"]
    assert "tokens_of=gpt" in dead.query_string

    assert "recorded facts differ" in words(app)
    table = app.dataframe[0].value
    assert list(table.columns) == ["group", "item", "gpt", "ngpt"]
    family = table.set_index("item").loc["family"]
    assert (family["gpt"], family["ngpt"]) == ("GPT", "nGPT")


def test_one_damaged_checkpoint(run, tmp_path, monkeypatch):
    """Trouble is a word and comes first; no figure measures again what the health was read from."""

    def change(tensors):
        tensors["transformer.h.0.query.weight"][0] *= 2
        tensors["strange.<b>"] = torch.zeros(2)

    calls = []
    real = answers.measure
    monkeypatch.setattr(answers, "measure", lambda c, m, **k: calls.append(m) or real(c, m, **k))
    path = changed(write_ngpt(tmp_path / "ngpt.safetensors"), change)
    app = run(path)
    cells = marks(app)
    assert cells[0].startswith(":red[:material/error: **1 trouble**]")
    text = plain("8 of 9 matrices (largest deviation 1: W_q layer 0)")
    assert f":red[:material/error: trouble] {text}" in cells
    assert len(charts(app)) == FIGURES
    assert sorted(calls) == sorted(HEALTH_MEASURES)
    assert "recorded facts differ" not in words(app)
    labels = [each.label for each in app.expander]
    assert "Tensors not recognised: 1" in labels
    assert any(label.startswith("Constants assumed: ") for label in labels)
    assert facts(open_checkpoint(path))["trained on"] == "not recorded"


@pytest.fixture
def idle(monkeypatch):
    """Have nothing measured: the page stands without."""
    monkeypatch.setattr(answers, "PATIENCE", 0)
    monkeypatch.setattr(Workshop, "_run", lambda self: None)
    answers.workshop.clear()
    yield
    answers.workshop.clear()


def test_what_is_not_measured_yet_is_named(run, own_models, idle):
    app = run(own_models[1])
    assert "Still to come: eigen learning rates, scaling factors" in words(app)
    assert not charts(app)


def test_five_checkpoints(run, five_models, idle):
    app = run(*five_models)
    wide = app.dataframe[0].value
    assert list(wide.columns) == ["group", "item", *(path.stem for path in five_models)]
    told = [words(app).count(f"<b>{path.stem}</b>") for path in five_models]
    assert told == [3] * 5, "list, card, health"


def test_everything_can_be_closed_and_opened_again(run, tmp_path):
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    app = run(one, two, "--root", tmp_path)
    assert len(app.warning) == 2
    app.button(key=f"close {one}").click().run()
    assert len(app.warning) == 1
    assert asked(app, "closed") == [one]
    again = run(one, two, "--root", tmp_path, closed=[one, two])
    assert "Nothing open yet" in words(again)
    again.button(key=f"again {two}").click().run()
    assert "two" in again.warning[0].value
    assert asked(again, "closed") == [one]


def test_what_lies_below_the_root_can_be_picked(run, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.jsonl").write_text("")
    app = run(tmp_path / "a", "--root", tmp_path)
    box = app.selectbox(key="found")
    assert box.options == ["b"], "the other is open"
    box.select("b").run()
    assert asked(app, "open") == ["b"]
    assert words(app).count("no weights") == 2
    assert not [each for each in app.selectbox if each.key == "found"]


class Sent:
    """A file as streamlit hands it over."""

    def __init__(self, name: str, content: bytes, size: int | None = None) -> None:
        self.name, self.content, self.size = name, content, size or len(content)

    def read(self, n: int = -1) -> bytes:
        piece, self.content = (self.content, b"") if n < 0 else (self.content[:n], self.content[n:])
        return piece


@pytest.fixture
def sent(models):
    return models[1].read_bytes()


def test_an_upload_is_opened_under_its_name_and_closed(run, sent, idle):
    app = run()
    app.file_uploader(key="upload 0").upload(
        "my model.safetensors", sent, "application/octet-stream"
    ).run()
    assert not app.exception
    assert words(app).count("<b>my model</b>") == 3
    assert "open" not in app.query_params
    (upload,) = app.session_state["uploads"]
    assert upload.path.is_file()
    app.button(key=f"close {upload.path}").click().run()
    assert "Nothing open yet" in words(app)
    assert not upload.path.exists()


def test_a_broken_upload_is_a_sentence_with_its_own_name(run, sent):
    app = run()
    app.file_uploader(key="upload 0").upload(
        "broken.safetensors", sent[:50], "application/octet-stream"
    ).run()
    assert "broken.safetensors" in app.warning[0].value
    assert "upload\\-1" not in app.warning[0].value
    assert "upload-1" not in app.warning[0].value


@pytest.mark.parametrize("name", ["../../evil.pt", "/etc/passwd.bin", "x\0y.ckpt", ".safetensors"])
def test_names_are_never_paths(name, tmp_path, monkeypatch):
    state = {"uploads": [], "uploads so far": 0}
    monkeypatch.setattr(uploads.st, "session_state", state)
    folder = tmp_path / "private"
    folder.mkdir()
    monkeypatch.setattr(uploads, "private_folder", lambda: type("", (), {"name": str(folder)}))
    uploads.keep([Sent(name, b"x" * 10)])
    kept = [upload.path for upload in state["uploads"]]
    assert list(folder.iterdir()) == kept
    assert all(path.stem == "upload-1" for path in kept)
    assert [path.name for path in tmp_path.iterdir()] == ["private"]


def test_what_is_too_large_or_too_many_is_not_kept(tmp_path, monkeypatch):
    state = {"uploads": [], "uploads so far": 0}
    monkeypatch.setattr(uploads.st, "session_state", state)
    monkeypatch.setattr(uploads, "private_folder", lambda: type("", (), {"name": str(tmp_path)}))
    uploads.keep([Sent("large.pt", b"x", size=uploads.MEGABYTES * 2**20 + 1)])
    assert not state["uploads"]
    uploads.keep([Sent(f"{n}.pt", b"x") for n in range(uploads.MOST + 3)])
    assert len(state["uploads"]) == uploads.MOST == len(list(tmp_path.iterdir()))
    assert uploads.discard(str(state["uploads"][0].path))
    assert not uploads.discard(str(Path("/elsewhere")))
    assert len(list(tmp_path.iterdir())) == uploads.MOST - 1
