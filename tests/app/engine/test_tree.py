"""What lies below the root is looked at again, and no page waits for it long."""

from __future__ import annotations

import threading

import pytest

from app.engine import tree
from app.engine.tree import Listing


@pytest.fixture(autouse=True)
def late(monkeypatch):
    """Have every page ask late."""
    monkeypatch.setattr(tree, "FRESH", -1.0)


def test_a_page_has_what_was_there_while_a_slow_folder_is_looked_at(monkeypatch) -> None:
    monkeypatch.setattr(tree, "PATIENCE", 0.0)
    looks = iter(range(100))
    go_on, looked = threading.Event(), threading.Semaphore(0)
    go_on.set()

    def look() -> tuple[list, str]:
        number = next(looks)
        assert go_on.wait(60)
        looked.release()
        return [], f"look {number}"

    listing = Listing(look)
    assert looked.acquire(timeout=60)
    go_on.clear()
    assert [listing.now()[1] for _ in range(5)] == ["look 0"] * 5
    go_on.set()
    assert looked.acquire(timeout=60)
    assert next(looks) == 2, "five pages had it looked at once"


def test_what_can_be_looked_at_in_time_is_shown_at_once(monkeypatch) -> None:
    monkeypatch.setattr(tree, "PATIENCE", 60.0)
    looks = iter(range(100))
    listing = Listing(lambda: ([], f"look {next(looks)}"))
    assert [listing.now()[1] for _ in range(3)] == ["look 1", "look 2", "look 3"]


def test_a_folder_that_cannot_be_looked_at_once_is_looked_at_again(monkeypatch) -> None:
    monkeypatch.setattr(tree, "PATIENCE", 60.0)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    answers = iter(["first", OSError("gone"), "third"])

    def look() -> tuple[list, str]:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return [], answer

    listing = Listing(look)
    assert [listing.now()[1] for _ in range(2)] == ["first", "third"]
