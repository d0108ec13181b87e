"""The health of the open checkpoints: items down, checkpoints across, each with its rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ngpt_inspect.measures import MEASURES as ALL
from ngpt_inspect.plotting import colors
from ngpt_inspect.summary import Level, health_measures
from ngpt_inspect.tables.rows import records

from ...engine.answers import Request, answer, key_of, requests
from ...engine.loading import health_once
from ...frame.menu import draw_link
from ...frame.sidebar import chip
from ...frame.text import plain

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

LOOKS = {
    Level.OK: ("green", "check_circle"),
    Level.NOTICE: ("orange", "info"),
    Level.TROUBLE: ("red", "error"),
}
"""Colour and icon; the word always stands beside them."""

WORST_FIRST = (Level.TROUBLE, Level.NOTICE, Level.OK)

Reading = dict[str, Any]


def draw_health(checkpoints: Sequence[WeightSet]) -> None:
    """Draw what is known of the health so far; the measures behind it are asked for one by one."""
    st.subheader("Health", anchor="health")
    tables, known = [], []
    wanted = health_measures()
    for name in wanted:
        asked = requests(checkpoints, [name], whole=True)
        table = answer(asked, checkpoints)
        if table is not None:
            tables.append(table)
            known += asked
    found = records(health_once(key_of(known, checkpoints), checkpoints, tables))
    _draw_lines(checkpoints, found)
    for item in dict.fromkeys(each["item"] for each in found):
        _draw_item(checkpoints, [each for each in found if each["item"] == item])
    missing = [ALL[name].title.lower() for name in wanted if name not in _measures(known)]
    if missing:
        st.caption(f"Still to come: {', '.join(missing)}.")
    if found:
        _draw_rules(found)


def _measures(asked: Iterable[Request]) -> set[str]:
    return {each.measure for each in asked}


def _draw_lines(checkpoints: Sequence[WeightSet], found: Sequence[Reading]) -> None:
    """Draw one line a checkpoint: its name, and how many readings are how."""
    _, *cells, _ = _columns(checkpoints)
    shown = zip(cells, checkpoints, colors(checkpoints), strict=True)
    for cell, checkpoint, color in shown:
        mine = [each for each in found if _is_of(each, checkpoint)]
        cell.html(chip(checkpoint.label, color, checkpoint.family, checkpoint.step))
        counts = {level: sum(each["level"] == level for each in mine) for level in WORST_FIRST}
        lines = [_sign(level, f"**{n} {level}**") for level, n in counts.items() if n]
        cell.markdown("  \n".join(lines))


def _sign(level: str, words: str) -> str:
    color, icon = LOOKS[Level(level)]
    return f":{color}[:material/{icon}: {words}]"


def _draw_item(checkpoints: Sequence[WeightSet], readings: Sequence[Reading]) -> None:
    """Draw one item of all checkpoints, linked to the page that has its details."""
    name, *cells, link = _columns(checkpoints)
    worst = _worst(readings)
    name.markdown(plain(worst["item"]), help=plain(worst["rule"]))
    with link:
        draw_link(
            worst["measure"],
            "details :material/arrow_forward:",
            at={key: worst[key] for key in ("checkpoint", "role", "layer", "head")},
        )
    for cell, checkpoint in zip(cells, checkpoints, strict=True):
        mine = next((each for each in readings if _is_of(each, checkpoint)), None)
        if mine is None:
            cell.markdown("–")
        else:
            cell.markdown(f"{_sign(mine['level'], mine['level'])} {plain(mine['text'])}")


def _draw_rules(found: Iterable[Reading]) -> None:
    with st.expander("When is it a notice, when trouble?"):
        rules = {each["item"]: each["rule"] for each in found}
        st.markdown("\n".join(f"- **{plain(k)}**: {plain(rule)}" for k, rule in rules.items()))


def _columns(checkpoints: Sequence[WeightSet]) -> list[Any]:
    """Return the name of an item, a cell a checkpoint, and the place of the link."""
    return st.columns([2, *[3] * len(checkpoints), 1.2], vertical_alignment="top")


def _is_of(reading: Reading, checkpoint: WeightSet) -> bool:
    return (reading["checkpoint"], reading["step"]) == (checkpoint.label, checkpoint.step)


def _worst(readings: Sequence[Reading]) -> Reading:
    return min(readings, key=lambda each: WORST_FIRST.index(each["level"]))
