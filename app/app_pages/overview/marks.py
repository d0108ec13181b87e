"""What was looked at in each checkpoint and how it is: a mark each, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import streamlit as st

from ngpt_inspect.summary import Level, health_items, health_measures
from ngpt_inspect.tables.rows import records

from ...engine.loading import health_once
from ...frame.looks import is_dark, names_of
from ...frame.menu import draw_link
from ...frame.text import plain
from .readings import Readings

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet


@dataclass(frozen=True)
class Sign:
    """How a reading is shown."""

    glyph: str
    word: str
    light: str
    """Its colour on a light page: a contrast of 4.5 or more, as on a dark one."""
    dark: str
    name: str
    """Of the colour, in streamlit's Markdown."""
    icon: str

    @property
    def markdown(self) -> str:
        """Icon and word, for a line of text."""
        return f":{self.name}[:material/{self.icon}: {self.word}]"


SIGNS = {
    Level.TROUBLE: Sign("✕", "trouble", "#b3261e", "#ff8a80", "red", "error"),
    Level.NOTICE: Sign("!", "notice", "#8a5300", "#ffb74d", "orange", "info"),
    Level.OK: Sign("✓", "ok", "#1b6e3a", "#6fd08c", "green", "check_circle"),
}
NO_RULE = Sign("–", "no rule", "#5c6670", "#9aa5b1", "gray", "remove")
NOT_READ = Sign("○", "not read yet", "#5c6670", "#9aa5b1", "gray", "radio_button_unchecked")
ORDERS = {"dead rows": {"order": "shortest"}}
"""What details are sorted by, so that they begin with what the reading is of."""
WORST_FIRST = tuple(SIGNS)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One thing that one checkpoint is looked at for."""

    item: str
    sign: Sign
    text: str
    reading: dict[str, Any] | None = None
    """What `ngpt_inspect.summary.health` says; None where there is nothing to say yet, or ever."""


def marks_of(checkpoints: Sequence[WeightSet], readings: Readings) -> list[list[Mark]]:
    """Return the marks of each checkpoint; all have the same items, in one order."""
    found = records(health_once(readings.key, checkpoints, [readings.table]))
    items = health_items()
    for each in found:  # such as what could not be measured
        items.setdefault(each["item"], health_measures())
    return [
        [_mark(item, takes, each, found, readings) for item, takes in items.items()]
        for each in checkpoints
    ]


def _mark(
    item: str,
    takes: Sequence[str],
    checkpoint: WeightSet,
    found: Sequence[Any],
    readings: Readings,
) -> Mark:
    mine = (each for each in found if each["item"] == item and _is_of(each, checkpoint))
    reading = next(mine, None)
    if not readings.measures.issuperset(takes) and (reading is None or reading["level"] == "ok"):
        # Green means looked at and fine: part of it is not all of it.
        text = f"so far {reading['text']}" if reading else "not read yet"
        return Mark(item=item, sign=NOT_READ, text=text)
    if reading is None:
        return Mark(item=item, sign=NO_RULE, text="nothing of it in this checkpoint")
    sign = SIGNS.get(reading["level"], NO_RULE)
    return Mark(item=item, sign=sign, text=reading["text"], reading=reading)


def _is_of(reading: dict[str, Any], checkpoint: WeightSet) -> bool:
    return (reading["checkpoint"], reading["step"]) == (checkpoint.label, checkpoint.step)


def row_of_marks(marks: Sequence[Mark]) -> str:
    """Return the marks of one checkpoint as HTML, each with its words on hover."""
    return "".join(_glyph(each) for each in marks)


def _glyph(mark: Mark) -> str:
    color = mark.sign.dark if is_dark() else mark.sign.light
    words = escape(f"{mark.item}: {mark.sign.word}, {mark.text}", quote=True)
    style = f"color:{color};display:inline-block;width:1.15em;text-align:center;font-weight:700"
    return (
        f'<span role="img" tabindex="0" title="{words}" aria-label="{words}" style="{style}">'
        f"{mark.sign.glyph}</span>"
    )


def draw_wanting(checkpoints: Sequence[WeightSet], marks: Sequence[Sequence[Mark]]) -> None:
    """Draw a line for each notice and trouble, worst first, with a link to its details."""
    for level in WORST_FIRST[:-1]:
        for name, mine in zip(names_of(checkpoints), marks, strict=True):
            for mark in (each for each in mine if each.sign is SIGNS[level]):
                _draw_line(f"**{plain(name)}** {plain(mark.item)}: ", mark)


def draw_words(checkpoints: Sequence[WeightSet], marks: Sequence[Sequence[Mark]]) -> None:
    """Draw every mark in words, item by item, with the rule that decides it."""
    with st.expander("Health in words, and when something is a notice or trouble"):
        for item in zip(*marks, strict=True):
            rule = next((each.reading["rule"] for each in item if each.reading), "")
            st.markdown(f"**{plain(item[0].item)}** {plain(rule and f'({rule})')}")
            for name, mark in zip(names_of(checkpoints), item, strict=True):
                _draw_line(f"{plain(name)}: ", mark)


def _draw_line(before: str, mark: Mark) -> None:
    words, link = st.columns([4, 1], vertical_alignment="center")
    words.markdown(f"{mark.sign.markdown} {before}{plain(mark.text)}")
    if mark.reading:
        with link:
            at = {key: mark.reading[key] for key in ("checkpoint", "role", "layer", "head")}
            at |= ORDERS.get(mark.item, {})
            draw_link(mark.reading["measure"], "details :material/arrow_forward:", at=at)
