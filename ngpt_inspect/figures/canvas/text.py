"""Words and numbers as figures write them, and how wide they come out with no browser to ask."""

import math
import re
from collections.abc import Callable, Iterable
from html import unescape

EM = 0.56
"""Mean width of a character of the font, in units of its size."""
TAG = re.compile(r"<[^>]+>")
SMALL = re.compile(r"<su[bp]>(.*?)</su[bp]>")
SMALLER = 0.7
"""Size of what is raised or lowered, by that of the rest."""
PREFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def width_of(text: str, size: float) -> float:
    """Return about how many pixels wide a text is; tags themselves take none."""
    small = sum(len(each) for each in SMALL.findall(text))
    return EM * size * (len(unescape(TAG.sub("", text))) - (1 - SMALLER) * small)


def colored(text: str, color: str) -> str:
    """Return HTML in a colour."""
    return f'<span style="color:{color}">{text}</span>'


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


def power_of_ten(low: float, high: float) -> Callable[[float], str]:
    """Return how values between two are written: plainly, or as powers of ten beyond four digits.

    In plain size: plotly enlarges powers of ten of its own.
    """
    if low >= 0.0005 and high <= 20_000:
        return "{:g}".format
    return _power


def _power(value: float) -> str:
    decade = math.floor(math.log10(value) + 1e-9)
    digit = round(value / 10.0**decade, 6)
    return f"{'' if digit == 1 else f'{digit:g}·'}10<sup>{decade}</sup>"


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
