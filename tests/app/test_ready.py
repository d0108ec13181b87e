"""What is done before the first visit."""

import asyncio
import logging
import os
import sys
import threading

import pytest

from app import serving
from app.engine import loading
from app.serving import ready_for


def made_ready(monkeypatch, *words):
    """Serve for a command line until all is ready; return what was opened by then."""
    opened = []
    monkeypatch.setattr(loading, "open_once", opened.append)
    monkeypatch.setattr(serving, "PAUSE", 0.0)
    monkeypatch.setenv("OMP_WAIT_POLICY", os.environ.get("OMP_WAIT_POLICY", ""))

    async def serve():
        async with ready_for(words)(None):
            for each in threading.enumerate():
                if each.name == "readying":
                    await asyncio.to_thread(each.join)

    before = sys.getswitchinterval()
    try:
        asyncio.run(serve())
    finally:
        sys.setswitchinterval(before)
    return opened


def test_what_the_command_line_names_is_opened(monkeypatch):
    words = ["--read-only", "--", "a.safetensors", "b"]
    assert made_ready(monkeypatch, *words) == ["a.safetensors", "b"]


def test_where_that_fails_the_server_serves(monkeypatch, caplog):
    def broken(_name, _package):
        raise OSError("no such disk")

    monkeypatch.setattr("app.serving.import_module", broken)
    with caplog.at_level(logging.ERROR):
        assert made_ready(monkeypatch, "a") == []
    assert "no such disk" in caplog.text


def test_a_wrong_command_line_ends_it_with_its_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        ready_for(["--no-such-option"])
    assert ended.value.code == 2
    assert "usage: streamlit run app/dashboard.py -- " in capsys.readouterr().err
