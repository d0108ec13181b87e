"""How wide words come out, with no browser to ask, and how they are broken into lines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from html import unescape

EM = 0.56
"""Mean width of a character of the font, in units of its size."""
TAG = re.compile(r"<[^>]+>")
SMALL = re.compile(r"<su[bp]>(.*?)</su[bp]>")
SMALLER = 0.7
"""Size of what is raised or lowered, by that of the rest."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def width_of(text: str, size: float) -> float:
    """Return about how many pixels wide a text is; tags themselves take none."""
    small = sum(len(each) for each in SMALL.findall(text))
    return EM * size * (len(unescape(TAG.sub("", text))) - (1 - SMALLER) * small)


def wrapped(words: Iterable[str], pixels: float, size: float) -> list[str]:
    """Put words, with a space between, into lines of at most so many pixels."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size) <= pixels:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def number(value: float) -> str:
    """Write a positive number with three digits: ``3.76``, ``150``, ``1.63·10⁶``, ``∞``."""
    if math.isinf(value):
        return "∞"
    if 0.001 <= value < 999.5:
        return f"{value:.3g}"
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"
