"""What the tests of the dashboard share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

from small_models import write_gpt, write_ngpt
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from app.engine import answers
from app.engine.store import VARIABLE

DASHBOARD = Path(__file__).parents[2] / "app" / "dashboard.py"


@pytest.fixture(autouse=True)
def own_main_module() -> Iterator[None]:
    """Put back `__main__`, which AppTest replaces: spawned processes would run the dashboard."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch) -> Path:
    """Keep results in a folder of each test's own, and wait for them: pages are whole at once."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv(VARIABLE, str(folder))
    monkeypatch.setattr(answers, "PATIENCE", 300)
    return folder


@pytest.fixture
def models(tmp_path):
    """Write a GPT and an nGPT."""
    return [write_gpt(tmp_path / "gpt.safetensors"), write_ngpt(tmp_path / "ngpt.safetensors")]


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs the dashboard with a command line, at a page and an address.

    ``run("runs/gpt", page="training", layer="3")``
    """

    def run(*arguments, page: str = "", **query):
        monkeypatch.setattr(sys, "argv", [str(DASHBOARD), *map(str, arguments)])
        app = AppTest.from_file(str(DASHBOARD), default_timeout=300)
        for key, value in query.items():
            app.query_params[key] = value
        if page:
            app._page_hash = calc_hash(page)  # `switch_page` knows only pages that are scripts
        app.run()
        assert not app.exception
        return app

    return run
