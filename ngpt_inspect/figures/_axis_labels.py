"""Where the ticks of an axis stand and what is written there, without words that collide."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

CHARACTER = 5.6
"""Pixels of a character of a tick label, on average."""
APART = 6
"""Least pixels between two tick labels."""
PREFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def short(value: float) -> str:
    """Return a count in few characters: 1.2M, 400B, 300."""
    for unit, prefix in PREFIXES:
        if value >= unit:
            return f"{value / unit:.3g}{prefix}"
    return f"{value:.3g}"


def length(value: float) -> str:
    """Return a context length: 256, 1k for 1024, 32k."""
    return f"{value / 1024:g}k" if value >= 1024 and value % 1024 == 0 else f"{value:g}"


def rate(value: float) -> str:
    """Return a learning rate in the paper's way: 4e-3, 1.5e-2."""
    power = math.floor(math.log10(value))
    return f"{value / 10**power:.3g}e{power}"


def factor(value: float) -> str:
    """Return a factor to three digits, noughts too: 2.40×, 10×."""
    return f"{value:#.3g}×" if value < 9.95 else f"{value:.0f}×"


def decades(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 in every decade between two positive numbers, coarsest first."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [digit * 10.0**power for digit in (1, 2, 5) for power in powers]


def nice_steps(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two, at most so many, evenly apart."""
    span = (high - low) / max(most, 1) or 1.0
    power = 10.0 ** math.floor(math.log10(span))
    step = next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= span)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def kept_apart(
    ticks: Iterable[float], texts: Iterable[str], ends: Sequence[float], pixels: float, *, log: bool
) -> list[float]:
    """Return the ticks whose labels do not collide, earlier ones first.

    Parameters
    ----------
    ticks, texts
        In order of importance.
    ends
        The values at both ends of the axis.
    pixels
        Length of the axis.
    """
    low, high = (math.log10(end) if log else end for end in ends)
    taken: list[tuple[float, float]] = []
    kept = []
    for tick, text in zip(ticks, texts, strict=True):
        share = ((math.log10(tick) if log else tick) - low) / (high - low)
        if not -1e-9 <= share <= 1 + 1e-9:
            continue
        half = (len(text) * CHARACTER + APART) / 2
        left, right = share * pixels - half, share * pixels + half
        if all(right <= a or left >= b for a, b in taken):
            taken.append((left, right))
            kept.append(tick)
    return sorted(kept)
