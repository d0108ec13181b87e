"""Where the ticks of an axis stand: round numbers, as many as their labels have room for."""

import math
from collections.abc import Iterable, Iterator, Sequence

from ngpt_inspect.figures.canvas.text import width_of
from ngpt_inspect.figures.canvas.theme import FONT_SIZE

APART = 6
"""Least pixels between two labels side by side."""
LINE = 15
"""Pixels from one label to the next above it, at least."""
MOST = 6
"""Ticks of an axis that is not logarithmic."""
ALL = (1, 2, 3, 4, 5, 6, 7, 8, 9)


def candidates(low: float, high: float, *, log: bool) -> Iterator[list[float]]:
    """Yield sets of round numbers between two values, each coarser than the one before."""
    if log:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digits, every in [
            (ALL, 1),
            ((1, 2, 5), 1),
            *(((1,), n) for n in range(1, len(decades))),
        ]:
            told = [d * 10.0**power for power in decades for d in digits if power % every == 0]
            yield [value for value in told if low <= value <= high]
    for most in range(MOST, 0, -1):
        yield nice_steps(low, high, most)


def nice_steps(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two, at most so many, evenly apart."""
    span = (high - low) / max(most, 1) or 1.0
    power = 10.0 ** math.floor(math.log10(span))
    step = next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= span)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def every_second_first(ticks: Sequence[float]) -> list[float]:
    """Return ticks in an order in which, where not all labels fit, those kept are evenly apart."""
    return [*ticks[::2], *ticks[1::2]]


def kept_apart(
    ticks: Iterable[float],
    texts: Iterable[str],
    ends: Sequence[float],
    pixels: float,
    *,
    log: bool,
    upright: bool = False,
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
    upright
        Labels stand above one another.
    """
    low, high = (math.log10(end) if log else end for end in ends)
    taken: list[tuple[float, float]] = []
    kept = []
    for tick, text in zip(ticks, texts, strict=True):
        share = ((math.log10(tick) if log else tick) - low) / (high - low)
        if not -1e-9 <= share <= 1 + 1e-9:
            continue
        half = (LINE if upright else width_of(text, FONT_SIZE - 1) + APART) / 2
        left, right = share * pixels - half, share * pixels + half
        if all(right <= a or left >= b for a, b in taken):
            taken.append((left, right))
            kept.append(tick)
    return sorted(kept)
