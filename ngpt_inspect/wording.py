"""How numbers are written where people read them."""

import math


def number(value: float) -> str:
    """Return four significant digits, in powers of ten where that is shorter."""
    if not math.isfinite(value):
        return "inf" if value > 0 else str(value)
    if value == 0:
        return "0"
    return f"{value:.4g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.3e}"
