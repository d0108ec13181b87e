"""Figures for a browser: their JSON with every array once, compressed into text."""

import base64
import gzip
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ngpt_inspect.plotting import Pictured, drawing_code, grounds
from ngpt_inspect.report._thinning import thinned_trace

POOLED = 8
"""An array longer than this is kept once, however many figures draw it."""
DIGITS = 5
"""Significant digits of a number by the spread of its array: a hundredth of a pixel."""
MOST_DIGITS = 9
"""Of float32 there are seven: what follows no file can mean."""
COLUMNS = {"wide": 928, "narrow": 380}
"""Pixels of CSS of the width of a figure on the widest page and on a phone."""


def compressed(text: str) -> str:
    """Return text as base64 of gzip, the same bytes in every run."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


@cache
def library() -> str:
    """Return plotly.js, compressed: 4.8 MB become 1.9."""
    return compressed(drawing_code())


def bundle(figures: Sequence[Pictured]) -> str:
    """Return the figures, their arrays and the two grounds they can stand on, compressed.

    ``{"figures": {name: {"wide": figure, "narrow": figure}}, "arrays": [...], "grounds": ...}``;
    inside a figure ``{"array": n}`` stands for an array.
    """
    arrays: dict[str, int] = {}
    drawn = {each.figure.name: _both(each, arrays) for each in figures}
    parts = {"figures": drawn, "grounds": _plain(grounds(), {})}
    text = json.dumps(parts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return compressed(f'{text[:-1]},"arrays":[{",".join(arrays)}]}}')


def _both(figure: Pictured, arrays: dict[str, int]) -> dict[str, Any]:
    """Return a figure in both widths, with the same points: so they share their arrays."""
    drawings = {
        "wide": _unpacked(figure.wide.to_plotly_json()),
        "narrow": _unpacked(figure.narrow.to_plotly_json()),
    }
    widths = [_pixels(each, COLUMNS[name]) for name, each in drawings.items()]
    pixels = list(map(max, zip(*widths, strict=True)))
    return {name: _figure(each, pixels, arrays) for name, each in drawings.items()}


def _pixels(drawing: Mapping[str, Any], columns: int) -> list[int]:
    """Return how many columns of pixels the panel of each trace has."""
    domains = (_axis(drawing, trace).get("domain", (0, 1)) for trace in drawing["data"])
    return [math.ceil(columns * (right - left)) for left, right in domains]


def _axis(drawing: Mapping[str, Any], trace: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = drawing["layout"].get(f"xaxis{trace.get('xaxis', 'x')[1:]}", {})
    return found


def _figure(drawing: Mapping[str, Any], pixels: Sequence[int], arrays: dict[str, int]) -> Any:
    layout = {name: value for name, value in drawing["layout"].items() if name != "template"}
    data = [
        thinned_trace(trace, width, log=_axis(drawing, trace).get("type") == "log")
        for trace, width in zip(drawing["data"], pixels, strict=True)
    ]
    return _plain({"data": data, "layout": layout}, arrays)


def _unpacked(value: Any) -> Any:
    """Return a value with plotly's packed columns as arrays."""
    if isinstance(value, Mapping):
        if "bdata" in value:
            return np.frombuffer(base64.b64decode(value["bdata"]), np.dtype(value["dtype"]))
        return {name: _unpacked(each) for name, each in value.items()}
    return [_unpacked(each) for each in value] if isinstance(value, list | tuple) else value


def _plain(value: Any, arrays: dict[str, int]) -> Any:
    """Return a value as JSON takes it, long arrays by their number."""
    if isinstance(value, Mapping):
        return {name: _plain(each, arrays) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        values = [_plain(each, arrays) for each in _rounded(value)]
        if len(values) <= POOLED or any(isinstance(each, dict) for each in values):
            return values
        text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return {"array": arrays.setdefault(text, len(arrays))}
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rounded(values: Sequence[Any]) -> Sequence[Any]:
    """Return numbers with the digits that a screen can show: more where they are nearly equal."""
    if len(values) <= POOLED or not all(isinstance(each, float) for each in values):
        return values
    found = [each for each in values if math.isfinite(each)]
    most = max(map(abs, found), default=0.0)
    spread = max(found, default=0.0) - min(found, default=0.0)
    if not most or not spread:
        return values
    digits = min(MOST_DIGITS, DIGITS + max(0, math.ceil(math.log10(most) - math.log10(spread))))
    return [float(f"{each:.{digits}g}") for each in values]
