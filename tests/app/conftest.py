"""What the tests of the dashboard share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache as kept
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

from app_runs import write_legible_run
from small_models import write_gpt, write_ngpt
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.util import calc_hash

from app.blocks import figures
from app.engine import answers
from app.engine.jobs import Workshop
from app.engine.store import VARIABLE

# Every new app of the test driver reads the metadata of all installed packages, longer than a page
# takes: what is installed stays the same.
manifest_scanner.scan_component_manifests = kept(manifest_scanner.scan_component_manifests)


def ended(runner: local_script_runner.LocalScriptRunner, timeout: float) -> None:
    """Wait for the thread of a script; the driver itself would look a thousand times a second."""
    runner._script_thread.join(timeout)
    assert runner.script_stopped(), f"not done after {timeout} seconds"


local_script_runner.require_widgets_deltas = ended
config.set_option("runner.postScriptGC", False)  # as the app's own settings say, not read here

DASHBOARD = Path(__file__).parents[2] / "app" / "dashboard.py"


@pytest.fixture(autouse=True)
def own_main_module() -> Iterator[None]:
    """Put back `__main__`, which AppTest replaces: spawned processes would run the dashboard."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """Return where results are kept: tests that open the same files measure and draw them once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def empty(tmp_path_factory) -> Path:
    """Return a folder with nothing in it."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(autouse=True)
def patience(cache, empty, monkeypatch) -> None:
    """Wait for results: pages are whole at once, and there is nothing else below the root.

    All of a page is near the screen, of which the test driver has none.
    """
    monkeypatch.chdir(empty)
    monkeypatch.setattr(figures, "is_near", lambda key: True)
    monkeypatch.setenv(VARIABLE, str(cache))
    monkeypatch.setattr(answers, "PATIENCE", 300)


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    """Keep results in a folder of this test's own."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def idle(patience, monkeypatch) -> Iterator[None]:
    """Have nothing measured: what is looked at stands without."""
    monkeypatch.setattr(answers, "PATIENCE", 0)
    monkeypatch.setattr(Workshop, "_run", lambda self: None)
    answers.workshop.clear()
    yield
    answers.workshop.clear()


def write_models(folder: Path) -> list[Path]:
    return [write_gpt(folder / "gpt.safetensors"), write_ngpt(folder / "ngpt.safetensors")]


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> list[Path]:
    """Write a GPT and an nGPT. Read only, and maybe measured already."""
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def own_models(tmp_path) -> list[Path]:
    """Write a GPT and an nGPT for this test alone: nothing of them is known."""
    return write_models(tmp_path)


@pytest.fixture(scope="session")
def five_models(tmp_path_factory) -> list[Path]:
    """Write a GPT and four nGPTs. Read only, and maybe measured already."""
    folder = tmp_path_factory.mktemp("five")
    ngpts = [write_ngpt(folder / f"run{seed}.safetensors", seed) for seed in range(4)]
    return [write_gpt(folder / "gpt.safetensors"), *ngpts]


@pytest.fixture(scope="session")
def legible_runs(tmp_path_factory) -> list[Path]:
    """Write a run of each family for which every page has something to show. Read only."""
    root = tmp_path_factory.mktemp("runs")
    return [write_legible_run(root / family, family) for family in ("gpt", "ngpt")]


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
