"""Kernels and pages take turns in one process."""

import os
import sys

import pytest

from app.engine.sharing import SWITCH, share


@pytest.mark.parametrize("said", [None, "ACTIVE"])
def test_threads_sleep_where_they_wait_unless_told_otherwise(monkeypatch, said):
    before = sys.getswitchinterval()
    monkeypatch.setenv("OMP_WAIT_POLICY", said or "")
    if said is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    try:
        share()
        assert os.environ["OMP_WAIT_POLICY"] == (said or "PASSIVE")
        assert sys.getswitchinterval() == pytest.approx(SWITCH)
    finally:
        sys.setswitchinterval(before)
