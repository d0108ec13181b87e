"""What the tests of the dashboard share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def own_main_module() -> Iterator[None]:
    """Put back `__main__`, which AppTest replaces: spawned processes would run the dashboard."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
