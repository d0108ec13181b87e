"""Time several ways of doing one thing in turn, round after round, and take their ratios.

Machines drift: other work comes and goes, clocks change. Ways timed in turn within one process see
the same drift, so the ratio within a round means more than any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from recording import Measured


def interleave(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds by `clock` each way took in each round, after one untimed call of each."""
    for way in ways.values():
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            started = clock()
            way()
            seconds[name].append(clock() - started)
    return seconds


def ratio(seconds: Mapping[str, list[float]], subject: str, other: str) -> Measured:
    """Return the time of one way over that of another, round by round."""
    each = zip(seconds[subject], seconds[other], strict=True)
    values = [ours / theirs for ours, theirs in each]
    return Measured(work=subject, against=other, unit="x", values=values)


def with_ratios(
    seconds: Mapping[str, list[float]],
    subject: str,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Measured]:
    """Return the seconds of every way, and the ratios of one of them to the others."""
    unit = "s" if clock is time.perf_counter else "CPU s"
    times = [Measured(work=name, unit=unit, values=each) for name, each in seconds.items()]
    return [*times, *(ratio(seconds, subject, name) for name in seconds if name != subject)]
