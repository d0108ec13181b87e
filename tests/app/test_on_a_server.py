"""On a server: who is let in; nothing outside the root can be opened, however it is asked."""

from __future__ import annotations

import shutil

import pytest
from app_runs import write_run
from seen import charts, words
from small_models import write_ngpt

from app.arguments import TOKEN, Arguments
from app.frame.admission import Seats
from app.frame.session import _typed
from ngpt_inspect.finding import found_below

pytestmark = pytest.mark.usefixtures("idle")


@pytest.fixture
def places(tmp_path):
    """Return a root, and a run outside it that nobody may see."""
    root, secret = tmp_path / "root", tmp_path / "secret"
    root.mkdir()
    write_run(secret, "ngpt", saved=(10, 20))
    write_ngpt(root / "mine.safetensors")
    return root, secret


def asked_by(places):
    """Yield every way to ask for what lies outside."""
    root, secret = places
    file = secret / "step-000020.safetensors"
    yield from (str(secret), str(file), "../secret", f"../secret/{file.name}", "./../secret/.")
    yield from ("mine.safetensors/../../secret", "~root/secret", f"file://{file}", f"//{file}")
    (root / "link").symlink_to(secret)
    (root / "link.safetensors").symlink_to(file)
    yield from ("link", "link.safetensors", f"link/{file.name}", "link/..", "link/../secret")
    run = root / "run"
    write_run(run, "ngpt", saved=(10,))
    (run / "step-000020.safetensors").symlink_to(file)
    yield "run"
    logged = root / "logged"
    write_run(logged, "ngpt", saved=(10,))
    (logged / "metrics.jsonl").unlink()
    (logged / "metrics.jsonl").symlink_to(secret / "metrics.jsonl")
    yield "logged"
    (root / "runs").mkdir()
    shutil.copy(file, root / "runs" / "model.safetensors")
    (root / "runs" / "config.json").symlink_to(secret / "metrics.jsonl")
    yield "runs"


def test_nothing_outside_the_root_is_opened(places):
    root, _ = places
    assert _typed("mine.safetensors", root).checkpoint is not None
    for text in asked_by(places):
        found = _typed(text, root)
        assert found.checkpoint is None, text
        assert found.failure, text
    assert not [path for path in found_below(root).paths if "link" in path]


def test_a_link_to_the_outside_shows_a_sentence_and_nothing_else(run, places):
    root, secret = places
    (root / "link").symlink_to(secret)
    app = run("--root", root, open=["link", str(secret)], at=[f"{secret}:10"])
    assert [each.value.count("outside the folder") for each in app.warning] == [1, 1]
    assert not app.session_state["session"].checkpoints
    app.text_input(key="path").input("../secret").run()
    assert not app.session_state["session"].checkpoints
    assert not charts(app)


def test_who_does_not_know_the_token_sees_nothing(run, places, monkeypatch):
    root, _ = places
    monkeypatch.setenv(TOKEN, "a secret")
    app = run(root / "mine.safetensors", "--root", root)
    assert "mine" not in words(app)
    assert "session" not in app.session_state
    app.text_input(key="token box").input("wrong").run()
    assert "That is not the token" in app.error[0].value
    app.text_input(key="token box").input("a secret").run()
    assert app.session_state["session"].checkpoints
    linked = run(root / "mine.safetensors", "--root", root, token_of_server="a secret")
    assert linked.session_state["session"].checkpoints
    assert "token_of_server" not in linked.query_params


def test_who_is_not_named_by_the_proxy_sees_nothing(run, places):
    root, _ = places
    app = run(root / "mine.safetensors", "--root", root, "--user-header", "X-Forwarded-User")
    assert "names no user" in app.error[0].value
    assert "session" not in app.session_state


def test_there_are_as_many_seats_as_are_said():
    seats = Seats()
    assert [seats.take(2) for _ in range(3)] == [True, True, False]
    seats.leave()
    assert seats.take(2)
    assert Seats().take(0)


def test_no_uploads_where_there_are_to_be_none(run, places):
    root, _ = places
    assert run("--root", root).get("file_uploader")
    assert not run("--root", root, "--upload-mb", "0").get("file_uploader")
    assert Arguments(checkpoints=(), root=root).token == ""
