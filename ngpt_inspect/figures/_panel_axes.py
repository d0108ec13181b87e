"""The axes of one panel of training results: range, ticks, and what is written at them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ngpt_inspect.figures._axis_labels import decades, kept_apart, nice_steps
from ngpt_inspect.figures._ticks import log_ticks

PAD = 0.06
"""Share of an axis that stays free at each end."""
X_TICKS, Y_TICKS = 5, 6
"""At most so many on an axis that is not logarithmic."""


@dataclass(kw_only=True)
class Panel:
    """One panel: what its axes say, and the values they have to cover."""

    title: str = ""
    x: str
    y: str
    log_x: bool = False
    log_y: bool = False
    write_x: Callable[[float], str] = "{:g}".format
    """How an x value is written at its tick."""
    ticks_at: Sequence[float] = ()
    """Where x ticks may stand, the most important first; empty for round numbers."""
    x_from: float = 0.0
    """No x tick stands below: there an axis makes room for words."""
    equal: bool = False
    """One unit is as long on y as on x; the range that has room to spare grows."""
    y_top: float = math.inf
    """Values above this are cut off."""
    xs: list[float] = field(default_factory=list)
    ys: list[float] = field(default_factory=list)


def y_axis(panel: Panel, held: Sequence[float], *, hidden: bool) -> dict[str, Any]:
    """Return the y axis of a panel that covers these values; hidden has no words of its own."""
    low, high = _padded(held, log=panel.log_y)
    ticks = log_ticks(low, high) if panel.log_y else {"tickvals": nice_steps(low, high, Y_TICKS)}
    return {
        "type": "log" if panel.log_y else "linear",
        "range": [low, high],
        "title": {"text": "" if hidden else panel.y},
        "showticklabels": not hidden,
        "ticks": "" if hidden else "outside",
        **ticks,
    }


def x_axis(panel: Panel, pixels: float) -> dict[str, Any]:
    """Return the x axis of a panel this wide, without tick labels that collide."""
    low, high = _padded(panel.xs, log=panel.log_x)
    ends = [10**low, 10**high] if panel.log_x else [low, high]
    ticks = list(panel.ticks_at)
    if not ticks:
        ticks = decades(*ends) if panel.log_x else nice_steps(ends[0], ends[1], X_TICKS)
    ticks = [tick for tick in ticks if tick >= panel.x_from]
    texts = [panel.write_x(tick) for tick in ticks]
    kept = kept_apart(ticks, texts, ends, pixels, log=panel.log_x)
    return {
        "type": "log" if panel.log_x else "linear",
        "range": [low, high],
        "title": {"text": panel.x},
        "tickvals": kept,
        "ticktext": [panel.write_x(tick) for tick in kept],
    }


def _padded(values: Sequence[float], *, log: bool) -> tuple[float, float]:
    """Return both ends of an axis that holds these values (their exponents, when log)."""
    held = [math.log10(value) for value in values if value > 0] if log else list(values)
    low, high = (min(held), max(held)) if held else (0.0, 1.0)
    pad = PAD * (high - low) or (0.1 if log else 0.05 * abs(high) or 1.0)
    return low - pad, high + pad
