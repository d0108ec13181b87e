"""One browser for all images: many ask at once, and none stays."""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import plotly.graph_objects as go
import pytest

from app.engine import press
from app.engine.press import Press
from ngpt_inspect.errors import InspectError
from ngpt_inspect.figures.canvas import render


def can_export():
    return render.find_spec("kaleido") is not None and render.has_browser()


@pytest.fixture
def browsers(monkeypatch):
    """Count browsers instead of starting them."""
    count = {"open": 0, "opened": 0, "most": 0}

    class Browser:
        def __enter__(self):
            count["open"] += 1
            count["opened"] += 1
            count["most"] = max(count["most"], count["open"])

        def __exit__(self, *error):
            count["open"] -= 1

    monkeypatch.setattr(press, "one_browser", Browser)
    monkeypatch.setattr(press, "rendered", lambda drawing, kind, title: kind.encode())
    return count


def test_ten_at_once_share_one_browser_that_closes_when_idle(browsers, monkeypatch):
    monkeypatch.setattr(press, "IDLE", 0.2)
    one = Press()
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda _: one.print(go.Figure(), "pdf", "x"), range(30)))
    assert found == [b"pdf"] * 30
    assert browsers["most"] == browsers["opened"] == 1
    deadline = time.monotonic() + 5
    while browsers["open"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert browsers["open"] == 0
    one.print(go.Figure(), "png", "x")
    assert browsers["opened"] == 2


def test_html_needs_no_browser(browsers):
    assert Press().print(go.Figure(), "html", "x") == b"html"
    assert browsers["opened"] == 0


def test_a_broken_browser_is_one_sentence_and_the_next_is_fresh(browsers, monkeypatch):
    one = Press()
    monkeypatch.setattr(press, "rendered", lambda *_, **__: 1 / 0)
    with pytest.raises(InspectError, match="broke down"):
        one.print(go.Figure(), "pdf", "x")
    assert browsers["open"] == 0
    monkeypatch.setattr(press, "rendered", lambda *_, **__: b"whole")
    assert one.print(go.Figure(), "pdf", "x") == b"whole"
    assert (browsers["opened"], browsers["most"]) == (2, 1)


@pytest.mark.browser
@pytest.mark.skipif(not can_export(), reason="images need kaleido and a Chrome or Chromium")
def test_a_real_browser_leaves_no_process(monkeypatch):
    monkeypatch.setattr(press, "IDLE", 0.1)
    drawing = go.Figure(layout={"width": 100, "height": 100})
    one = Press()
    assert one.print(drawing, "pdf", "x").startswith(b"%PDF")
    deadline = time.monotonic() + 15
    while one._used is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    listed = subprocess.run(["ps", "-o", "args", "--ppid", str(os.getpid())], capture_output=True)
    assert b"chrom" not in listed.stdout
