"""One axis: what it says, the values it covers, its range and its ticks."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.figures.canvas.text import power_of_ten, width_of
from ngpt_inspect.figures.canvas.theme import FONT_SIZE
from ngpt_inspect.figures.canvas.ticks import candidates, kept_apart
from ngpt_inspect.later.numpy import np

PAD = 0.05
"""Share of the values' range that stays free at each end."""

OVERHANG = 10
"""Pixels that a label may stand out beyond its axis: two of them still stand apart."""

FEW = 2
"""Ticks that an axis has at least, if its numbers are short enough."""


@dataclass(kw_only=True, eq=False)
class Axis:
    """An axis of one panel, or of all panels that hold the same one."""

    title: str = ""
    log: bool = False
    from_zero: bool = False
    """Starts at 0 unless a value lies below."""
    write: Callable[[float], str] | None = None
    """How a value is written at its tick; by default plainly, or as a power of ten."""
    ticks_at: Sequence[float] = ()
    """Where ticks may stand, the most important first; empty for round numbers."""
    ticks_from: float = -math.inf
    """No tick stands below: there the axis makes room for words."""
    top: float = math.inf
    """Values above are cut off."""
    names: Sequence[str] = ()
    """What stands at 0, 1, 2, ...; then the range follows from their number."""
    grid: bool = True
    low: float = math.inf
    high: float = -math.inf
    """What it has to cover."""

    def cover(self, values: Iterable[float | None]) -> None:
        """Have the axis hold these values, as far as it can: no NaN, no ∞, no 0 if logarithmic."""
        told = np.array(list(values), dtype=float)
        held = told[np.isfinite(told) & (told <= self.top) & ((told > 0) | (not self.log))]
        if held.size:
            self.low, self.high = min(self.low, held.min()), max(self.high, held.max())

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest value of the finished axis."""
        low, high = self._range()
        return (10**low, 10**high) if self.log else (low, high)

    def _range(self) -> tuple[float, float]:
        """Return both ends, their exponents if logarithmic."""
        if self.names:
            return -0.5, len(self.names) - 0.5
        low, high = (self.low, self.high) if self.low <= self.high else (1.0, 10.0)
        low, high = map(math.log10, (low, high)) if self.log else (low, high)
        if self.from_zero and not self.log and low >= 0:
            return 0.0, high + (PAD * high or 1.0)
        pad = PAD * (high - low) or (0.1 if self.log else 0.05 * abs(high) or 1.0)
        return low - pad, high + pad

    def ticks(self, pixels: float, *, upright: bool) -> tuple[list[float], list[str]]:
        """Return values and words of the ticks of an axis this long, none on another."""
        if self.names:
            return self._named(pixels, upright=upright)
        low, high = self.ends
        write = self.write or ("{:g}".format if not self.log else power_of_ten(low, high))
        least = max(low, self.ticks_from)
        sets = [self.ticks_at] if self.ticks_at else candidates(low, high, log=self.log)
        best: list[float] = []
        for values in sets:
            shown = [value for value in values if least <= value <= high]
            if not upright:
                shown = [value for value in shown if self._fits(value, write(value), pixels)]
            words = map(write, shown)
            kept = kept_apart(shown, words, (low, high), pixels, log=self.log, upright=upright)
            best = kept if len(kept) > len(best) else best
            if len(kept) == len(shown) >= FEW:
                best = kept
                break
        return best, [write(value) for value in best]

    def _fits(self, value: float, words: str, pixels: float) -> bool:
        """Tell whether a label stays clear of those of the next panel."""
        low, high = self._range()
        place = ((math.log10(value) if self.log else value) - low) / (high - low) * pixels
        half = width_of(words, FONT_SIZE - 1) / 2
        return place - half >= -OVERHANG and place + half <= pixels + OVERHANG

    def _named(self, pixels: float, *, upright: bool) -> tuple[list[float], list[str]]:
        """Return all names, or of numbers as many as fit, evenly apart."""
        every, places = 1, list(map(float, range(len(self.names))))
        while all(name.isdecimal() for name in self.names):
            shown = places[::every]
            words = [self.names[int(place)] for place in shown]
            if kept_apart(shown, words, self.ends, pixels, log=False, upright=upright) == shown:
                break
            every += 1
        return places[::every], [self.names[int(place)] for place in places[::every]]

    def drawn(
        self, pixels: float, *, upright: bool, titled: bool = True, labelled: bool = True
    ) -> dict[str, Any]:
        """Return the axis as plotly takes it; where another one says the same, without words."""
        values, words = self.ticks(pixels, upright=upright)
        return {
            "type": "log" if self.log else "linear",
            "range": list(self._range()),
            "tickvals": values,
            "ticktext": words,
            "showticklabels": labelled,
            "showgrid": self.grid,
            "title": {"text": self.title if titled else ""},
        }
