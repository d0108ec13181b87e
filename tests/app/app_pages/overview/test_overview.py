"""The first page and the left column, as a browser session sees them."""

import re
from html import escape
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from seen import asked, charts, texts, words
from small_models import write_ngpt

from app.app_pages.overview.headline import facts
from app.app_pages.overview.marks import NO_RULE, SIGNS
from app.engine import questions
from app.frame import uploads
from app.frame.text import plain
from ngpt_inspect import open_checkpoint
from ngpt_inspect.summary import HEALTH_MEASURES, health, health_items
from ngpt_inspect.tables import measure

FIGURES = 1


def changed(path, change):
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    return path


def lines(app):
    """Return the lines of health in words."""
    return [each.value for each in app.markdown if ":material/" in each.value]


def marks(app):
    """Return the words behind the marks of the table, a list a checkpoint."""
    (table,) = [str(each.value) for each in texts(app, "html") if "headline-box" in str(each.value)]
    rows = re.findall('<td class="marks">(.*?)</td>', table)
    return [re.findall('title="(.*?)"', row) for row in rows]


@pytest.mark.slow
def test_two_checkpoints(run, models):
    """Health says what the room below says, and links; differences are counted and listed."""
    app = run(*models)
    checkpoints = [open_checkpoint(path) for path in models]
    expected = health(checkpoints, measure(checkpoints, HEALTH_MEASURES))
    told = "\n".join(lines(app))
    for row in expected.itertuples():
        sign = SIGNS.get(row.level, NO_RULE)
        assert f"{sign.markdown} {row.checkpoint}: {plain(row.text)}" in told
        words_of = marks(app)[row.checkpoint == "ngpt"]
        assert f"{row.item}: {sign.word}, {escape(row.text)}" in words_of
    assert len(marks(app)[0]) == len(marks(app)[1]) >= len(health_items())
    rules = "\n".join(each.value for each in app.markdown)
    assert all(plain(rule) in rules for rule in expected["rule"].unique())
    assert "Still to come" not in words(app)
    assert "no rule" in marks(app)[0][1], "a GPT is not meant to be on the sphere"

    dead = [each.proto for each in app.get("page_link") if each.proto.page == "embeddings"]
    assert any("tokens_of=gpt" in each.query_string for each in dead)

    assert "recorded facts differ" in words(app)
    table = next(each.value for each in app.dataframe if "group" in each.value)
    assert list(table.columns) == ["group", "item", "gpt", "ngpt"]
    family = table.set_index("item").loc["family"]
    assert (family["gpt"], family["ngpt"]) == ("GPT", "nGPT")


def test_one_damaged_checkpoint(run, tmp_path, monkeypatch):
    """Trouble is a word and comes first; no figure measures again what the health was read from."""

    def change(tensors):
        tensors["transformer.h.0.query.weight"][0] *= 2
        tensors["strange.<b>"] = torch.zeros(2)

    calls = []
    real = questions.measure
    monkeypatch.setattr(questions, "measure", lambda c, m, **k: calls.extend(m) or real(c, m, **k))
    path = changed(write_ngpt(tmp_path / "ngpt.safetensors"), change)
    app = run(path)
    text = plain("8 of 9 matrices (largest deviation 1: W_q layer 0)")
    assert lines(app)[0] == f":red[:material/error: trouble] **ngpt** unit norm: {text}"
    assert len(charts(app)) == FIGURES
    assert sorted(calls) == sorted(HEALTH_MEASURES)
    assert "recorded facts differ" not in words(app)
    labels = [each.label for each in app.expander]
    assert "Tensors not recognised: 1" in labels
    assert any(label.startswith("Constants assumed: ") for label in labels)
    assert "trained on" not in facts(open_checkpoint(path))


def test_what_is_not_measured_yet_is_named(run, own_models, idle):
    app = run(own_models[1])
    assert "Still to come: eigen learning rates, scaling factors" in words(app)
    assert not charts(app)
    assert all("not read yet" in each for each in marks(app)[0]), "nothing is green unseen"


@pytest.mark.slow
def test_five_checkpoints(run, five_models, idle):
    app = run(*five_models)
    wide = next(each.value for each in app.dataframe if "group" in each.value)
    assert list(wide.columns) == ["group", "item", *(path.stem for path in five_models)]
    told = [words(app).count(f"<b>{path.stem}</b>") for path in five_models]
    assert told == [2] * 5, "list, table"
    assert len(marks(app)) == 5


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
    assert words(app).count("<b>my model</b>") == 2
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
    uploads.keep([Sent(name, b"x" * 10)], 64)
    kept = [upload.path for upload in state["uploads"]]
    assert list(folder.iterdir()) == kept
    assert all(path.stem == "upload-1" for path in kept)
    assert [path.name for path in tmp_path.iterdir()] == ["private"]


def test_what_is_too_large_or_too_many_is_not_kept(tmp_path, monkeypatch):
    state = {"uploads": [], "uploads so far": 0}
    monkeypatch.setattr(uploads.st, "session_state", state)
    monkeypatch.setattr(uploads, "private_folder", lambda: type("", (), {"name": str(tmp_path)}))
    uploads.keep([Sent("large.pt", b"x", size=64 * 2**20 + 1)], 64)
    assert not state["uploads"]
    uploads.keep([Sent(f"{n}.pt", b"x") for n in range(uploads.MOST + 3)], 64)
    assert len(state["uploads"]) == uploads.MOST == len(list(tmp_path.iterdir()))
    assert uploads.discard(str(state["uploads"][0].path))
    assert not uploads.discard(str(Path("/elsewhere")))
    assert len(list(tmp_path.iterdir())) == uploads.MOST - 1
