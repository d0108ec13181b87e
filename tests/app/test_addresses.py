"""Checkpoints behind addresses: named at the start they open, typed into the page they do not."""

import pytest
from seen import charts, words
from servers import http_server
from small_models import write_ngpt

from app.arguments import Arguments
from app.engine import loading
from app.engine.questions import requests
from app.frame.session import _typed, load

pytest.importorskip("fsspec")


@pytest.fixture
def served(tmp_path):
    write_ngpt(tmp_path / "ngpt.safetensors")
    with http_server(tmp_path) as server:
        loading._open_address.clear()
        yield server


@pytest.mark.slow
def test_an_address_of_the_command_line_is_a_checkpoint_and_its_secret_stays(run, served):
    address = f"{served.url}/ngpt.safetensors"
    app = run(f"{address}?signature=secret")
    assert not app.warning
    assert len(charts(app)) == 1
    before = len(served.asked)
    app.run()
    assert len(served.asked) == before, "a click asks the server nothing"
    app.button(key=f"close {address}").click().run()
    assert not charts(app)
    assert app.query_params["closed"] in (address, [address])
    assert app.button(key=f"again {address}").click().run().session_state["session"].checkpoints
    assert "secret" not in words(app)


@pytest.mark.parametrize("page", ["training", "path", "export"])
def test_pages_that_ask_for_files_have_a_place_for_it(run, served, page):
    app = run(f"{served.url}/ngpt.safetensors?signature=secret", page=page)
    shown = words(app)
    assert "secret" not in shown
    assert page != "export" or f'"{served.url}/ngpt.safetensors"' in shown


def test_another_file_behind_the_same_address_is_measured_anew(served, tmp_path):
    def key():
        loading._open_address.clear()  # as after a while
        checkpoint = loading.open_once(f"{served.url}/ngpt.safetensors")
        return requests([checkpoint], ["unit_norm"])[0].key

    first = key()
    assert key() == first
    write_ngpt(tmp_path / "ngpt.safetensors", seed=8)
    assert key() != first


def test_an_address_nobody_answers_is_a_sentence_and_asked_once(served, models, tmp_path):
    gone = f"{served.url}/gone.safetensors"
    said = [load(Arguments(checkpoints=(gone, str(models[0])), root=tmp_path)) for _ in range(2)]
    asked = len(served.asked)
    for session in said:
        assert "there is no such file or folder" in session.opened[0].failure
        assert len(session.checkpoints) == 1
    load(Arguments(checkpoints=(gone,), root=tmp_path))
    assert len(served.asked) == asked


@pytest.mark.parametrize("scheme", ["http", "HTTPS", "hf", "s3", "file"])
def test_an_address_typed_into_the_page_is_never_fetched(served, scheme, tmp_path):
    opened = _typed(served.url.replace("http", scheme, 1) + "/ngpt.safetensors", tmp_path)
    assert "nothing is fetched that is typed into this page" in opened.failure
    assert opened.checkpoint is None
    assert not served.asked


def test_the_page_refuses_an_address_in_one_sentence(run, served, models):
    app = run(models[0], open=[f"{served.url}/ngpt.safetensors?signature=secret"])
    assert [each.value.count("is an address") for each in app.warning] == [1]
    assert "secret" not in app.warning[0].value
    assert not served.asked
    assert len(charts(app)) == 1


@pytest.mark.parametrize("text", ["a\0b", "~nobody-of-this-name/x", "x" * 5000, "a\nb", "\ud800"])
def test_what_can_be_no_path_is_a_sentence(text, tmp_path):
    failure = _typed(text, tmp_path).failure
    assert failure.isprintable()
    assert failure
