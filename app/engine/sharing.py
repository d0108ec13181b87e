"""How what is measured and what is drawn share this process."""

from __future__ import annotations

import sys

from ngpt_inspect.numerics.cores import wait_asleep

SWITCH = 5e-4
"""Seconds until one thread lets another run Python. A kernel asks for it after each of its
operations; with Python's own 5 ms it waits longer than it computes while a page is drawn."""


def share() -> None:
    """Let threads of kernels wait asleep and take turns with pages; before torch is imported."""
    wait_asleep()
    sys.setswitchinterval(SWITCH)
