"""Tick labels of logarithmic axes, in plain size: plotly enlarges its own powers of ten."""

from __future__ import annotations

import math

FINE, MIDDLING, WHOLE = (1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1,)
MOST = 6
"""Labels of one axis; more decades than that are labelled every second, third, ..."""
FEW = 4
"""Where they stand side by side instead of above one another."""


def log_ticks(low: float, high: float, most: int = MOST) -> dict[str, list[float] | list[str]]:
    """Return where to put ticks between two powers of ten, and what to write there."""
    span = high - low
    digits = FINE if span < 0.7 else MIDDLING if span < 1.6 else WHOLE
    every = max(1, math.ceil(span / most))
    values = [
        digit * 10.0**decade
        for decade in range(math.floor(low) - 1, math.ceil(high) + 2)
        for digit in digits
        if decade % every == 0
    ]
    shown = [value for value in values if 10**low <= value <= 10**high] or values
    plain = min(shown) >= 0.001 and max(shown) <= 10_000
    return {"tickvals": values, "ticktext": [_text(value, plain=plain) for value in values]}


def _text(value: float, *, plain: bool) -> str:
    decade = math.floor(math.log10(value) + 1e-9)
    digit = round(value / 10.0**decade)
    if plain:
        return f"{value:g}"
    return f"10<sup>{decade}</sup>" if digit == 1 else f"{digit}·10<sup>{decade}</sup>"
