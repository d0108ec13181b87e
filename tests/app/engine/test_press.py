"""One browser for all images: many ask at once, and none stays."""

import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import plotly.graph_objects as go
import pytest
from browsing import eventually
from exporting import needs_export

from app.engine import press
from app.engine.press import Press
from ngpt_inspect.errors import InspectError
from ngpt_inspect.figures.canvas import render


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


@pytest.fixture
def clock(monkeypatch):
    """Let time pass when `go` is set, and not before; it then takes none to sleep."""

    class Clock:
        now, go = 1.0, threading.Event()

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.go.wait()
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(press, "time", clock)
    yield clock
    clock.go.set()


def test_ten_at_once_share_one_browser_that_closes_when_idle(browsers, clock):
    one = Press()
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda _: one.print(go.Figure(), "pdf", "x"), range(30)))
    assert found == [b"pdf"] * 30
    assert browsers["most"] == browsers["opened"] == 1
    assert browsers["open"] == 1
    clock.go.set()
    assert eventually(lambda: browsers["open"] == 0)
    one.print(go.Figure(), "png", "x")
    assert browsers["opened"] == 2


def test_whoever_asks_gets_the_warm_browser(monkeypatch):
    pytest.importorskip("kaleido")

    class Kept:
        opened = 0

        def __init__(self):
            Kept.opened += 1

        calc_fig = staticmethod(lambda *_: b"warm")
        close = staticmethod(lambda: None)

    monkeypatch.setattr(render, "_Browser", Kept)
    monkeypatch.setattr(render, "has_browser", lambda: True)
    one, drawing = Press(), go.Figure(layout={"width": 100, "height": 100})
    for _ in range(2):
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(one.print, drawing, "pdf", "x").result() == b"warm"
    assert Kept.opened == 1


def test_html_needs_no_browser(browsers):
    assert Press().print(go.Figure(), "html", "x") == b"html"
    assert browsers["opened"] == 0


def test_a_broken_browser_is_one_sentence_and_the_next_is_fresh(browsers, monkeypatch):
    one = Press()

    def broken(*_, **__):
        raise InspectError("the browser that makes images broke down")

    monkeypatch.setattr(press, "rendered", broken)
    with pytest.raises(InspectError, match="broke down"):
        one.print(go.Figure(), "pdf", "x")
    assert browsers["open"] == 0
    monkeypatch.setattr(press, "rendered", lambda *_, **__: b"whole")
    assert one.print(go.Figure(), "pdf", "x") == b"whole"
    assert (browsers["opened"], browsers["most"]) == (2, 1)


@pytest.mark.slow  # that a browser which is closed is gone is told in test_save_figure.py
@pytest.mark.browser
@needs_export
def test_a_real_browser_leaves_no_process(monkeypatch):
    monkeypatch.setattr(press, "IDLE", 0.1)
    drawing = go.Figure(layout={"width": 100, "height": 100})
    one = Press()
    assert one.print(drawing, "pdf", "x").startswith(b"%PDF")
    children = ["ps", "-ww", "-o", "args", "--ppid", str(os.getpid())]
    assert eventually(lambda: b"chrom" not in subprocess.run(children, capture_output=True).stdout)
