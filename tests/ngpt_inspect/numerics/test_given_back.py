"""What was freed goes back to the system where the C library can be asked to."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ngpt_inspect.numerics import memory


def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(
    sys.platform != "linux" or memory._trim() is None, reason="the C library is not glibc"
)
def test_freed_blocks_below_one_that_is_kept_are_given_back():
    before = held()
    blocks = [np.ones(1 << 16, np.uint8) for _ in range(3000)]  # 64 KB each: none is mapped apart
    kept = blocks[-1]
    full = held() - before
    del blocks
    memory.give_back()
    assert held() - before < full / 3
    assert kept.all()


def test_another_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    memory._trim.cache_clear()
    memory.give_back()
    memory._trim.cache_clear()
