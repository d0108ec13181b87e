"""Curves thinned to the pixels they cover: what is left out, no screen can show."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def thinned_trace(trace: Mapping[str, Any], pixels: int, *, log: bool = False) -> dict[str, Any]:
    """Return a trace of lines with, of each column of pixels, its first, last, lowest and highest.

    A line through these four points of each column lights the same pixels as one through all
    (Jugel et al. 2014, M4). Markers alone, filled areas and curves that turn back stay as they are.

    Parameters
    ----------
    trace
        As plotly has it; everything that has one entry a point is thinned alike.
    pixels
        How many columns its panel has.
    log
        Whether the x axis is logarithmic.
    """
    x, y = (_numbers(trace.get(name)) for name in ("x", "y"))
    if x is None or y is None or trace.get("fill") or "lines" not in str(trace.get("mode")):
        return dict(trace)
    places = np.log10(np.where(x > 0, x, np.nan)) if log else x
    finite = np.isfinite(places).all() and len(x) == len(y)
    if len(x) <= 2 * pixels or not finite or (np.diff(places) < 0).any():
        return dict(trace)
    kept = _kept(places, y, pixels)
    return {name: _taken(value, kept, len(x)) for name, value in trace.items()}


def _numbers(values: Any) -> np.ndarray | None:
    """Return a column as numbers; None where it is none."""
    try:
        return np.asarray(values, np.float64) if values is not None else None
    except (TypeError, ValueError):
        return None


def _kept(places: np.ndarray, y: np.ndarray, pixels: int) -> np.ndarray:
    """Return which points stay: sorted, each once. Gaps (NaN) stay gaps."""
    span = places[-1] - places[0] or 1.0
    column = np.minimum((places - places[0]) / span * pixels, pixels - 1).astype(int)
    column = 2 * column + np.isnan(y)  # a gap is a column of its own
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], len(y))
    kept = {*starts.tolist(), *(ends - 1).tolist()}
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        part = y[start:end]
        kept |= {start + int(part.argmin()), start + int(part.argmax())}
    return np.array(sorted(kept))


def _taken(value: Any, kept: np.ndarray, count: int) -> Any:
    """Return the entries that stay of what has one a point, at any depth."""
    if isinstance(value, Mapping):
        return {name: _taken(each, kept, count) for name, each in value.items()}
    if isinstance(value, np.ndarray | list | tuple) and len(value) == count:
        return value[kept] if isinstance(value, np.ndarray) else [value[n] for n in kept]
    return value
