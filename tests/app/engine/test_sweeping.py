"""Garbage is collected after runs, not in them."""

from __future__ import annotations

import gc
import threading
import tomllib
import weakref
from pathlib import Path

import pytest

from app.engine.sweeping import Sweeper

APP = Path(__file__).parents[3] / "app"


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()


def test_runs_are_swept_once_and_only_when_there_were_any() -> None:
    swept = threading.Semaphore(0)
    sweeper = Sweeper(calm=0.0, collect=swept.release)
    assert not swept.acquire(blocking=False)
    sweeper.tell()
    swept.acquire()
    sweeper.tell()
    swept.acquire()


def test_cycles_that_runs_leave_are_freed() -> None:
    done = threading.Event()

    def collect() -> None:
        gc.collect()
        done.set()

    sweeper = Sweeper(calm=0.0, collect=collect)

    class Left:
        pass

    freed = threading.Event()
    left = Left()
    left.itself = left  # type: ignore[attr-defined]
    weakref.finalize(left, freed.set)
    del left
    sweeper.tell()
    done.wait()
    assert freed.is_set()


def test_streamlit_does_not_collect_after_every_run() -> None:
    config = tomllib.loads((APP / ".streamlit" / "config.toml").read_text())
    assert config["runner"]["postScriptGC"] is False
