"""Time several ways of doing one thing in turn, round after round, and print their ratios.

Machines drift: other work comes and goes, clocks change. Ways timed in turn within one process see
the same drift, so the ratio within a round means more than any time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


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


def print_ratios(seconds: Mapping[str, list[float]], subject: str) -> None:
    """Print, for each way, its median time and the ratio of `subject` to it."""
    width = max(len(name) for name in seconds)
    print(f"{'':{width}}  median s  {subject} takes (median, min to max over rounds)")
    for name, times in seconds.items():
        ratios = sorted(ours / theirs for ours, theirs in zip(seconds[subject], times, strict=True))
        middle = statistics.median(ratios)
        note = f"{middle:6.3f} x  ({ratios[0]:.3f} to {ratios[-1]:.3f})"
        if middle < 1:
            note += f", {1 / middle:.1f} x faster"
        print(f"{name:{width}}  {statistics.median(times):8.3f}  {'' if name == subject else note}")
