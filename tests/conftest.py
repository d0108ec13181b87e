"""What every folder of tests shares: which of them run here, and how Hypothesis draws."""

from __future__ import annotations

import gc
import os
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# What tests make goes when nothing names it; to look for cycles as often as Python does by itself
# takes a tenth of the time of all tests.
gc.set_threshold(100_000, 50, 100)

# House defaults and rules of whoever runs the tests, and of the processes these start, say nothing.
NO_HOUSE = tempfile.TemporaryDirectory(prefix="ngpt-inspect-no-house-")
os.environ["XDG_CONFIG_HOME"] = NO_HOUSE.name
os.environ.pop("NGPT_INSPECT_RULES", None)

# The same examples in every run, however slow the machine is: a red test is red everywhere.
settings.register_profile(
    "same",
    derandomize=True,
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Others, and more, in every run, to look for what the same miss: --hypothesis-profile=random.
settings.register_profile(
    "random", settings.get_profile("same"), derandomize=False, max_examples=300
)
settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--run-slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow; --run-slow runs it"))


def pytest_collection_finish() -> None:
    """Let the collector skip what stays for all tests: modules, and the tests themselves."""
    gc.freeze()
