"""The health of the open checkpoints: items down, checkpoints across, each with its rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from app.links import PAGE_OF, draw_link
from app.measured import ask_all
from app.sidebar import chip
from app.text import plain
from ngpt_inspect.gallery import colors, joined
from ngpt_inspect.measures import MEASURES as ALL
from ngpt_inspect.summary import MEASURES, Level, health
from ngpt_inspect.tables.rows import records

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

SIGNS = {
    Level.OK: ":green[:material/check_circle: ok]",
    Level.NOTICE: ":orange[:material/info: notice]",
    Level.TROUBLE: ":red[:material/error: trouble]",
}
"""Never a colour alone."""

WORST_FIRST = (Level.TROUBLE, Level.NOTICE, Level.OK)

Reading = dict[str, Any]


def draw_health(checkpoints: Sequence[WeightSet]) -> None:
    """Draw what is known of the health so far; the measures behind it are asked for one by one."""
    st.subheader("Health", anchor="health")
    known = {name: ask_all(checkpoints, [name], whole=True) for name in MEASURES}
    tables = [table for table in known.values() if table is not None]
    found = records(health(checkpoints, joined(tables, checkpoints)))
    _draw_lines(checkpoints, found)
    for item in dict.fromkeys(each["item"] for each in found):
        _draw_item(checkpoints, [each for each in found if each["item"] == item])
    missing = [ALL[name].title.lower() for name, table in known.items() if table is None]
    if missing:
        st.caption(f"Still to come: {', '.join(missing)}.")
    if found:
        _draw_rules(found)


def _draw_lines(checkpoints: Sequence[WeightSet], found: Sequence[Reading]) -> None:
    """Draw one line a checkpoint: its name, and how many readings are how."""
    _, *cells = _columns(checkpoints)
    shown = zip(cells, checkpoints, colors(checkpoints), strict=True)
    for cell, checkpoint, color in shown:
        mine = [each for each in found if _is_of(each, checkpoint)]
        cell.html(chip(checkpoint.label, color, checkpoint.family, checkpoint.step))
        counts = {level: sum(each["level"] == level for each in mine) for level in WORST_FIRST}
        cell.markdown(
            "  \n".join(
                f"{SIGNS[level].replace(f' {level}]', f' **{count} {level}**]')}"
                for level, count in counts.items()
                if count
            )
        )


def _draw_item(checkpoints: Sequence[WeightSet], readings: Sequence[Reading]) -> None:
    """Draw one item of all checkpoints, linked to the page that has its details."""
    name, *cells = _columns(checkpoints)
    worst = _worst(readings)
    with name:
        draw_link(
            PAGE_OF.get(worst["measure"], ""),
            worst["item"].replace("_", r"\_"),
            query=_view(worst),
            help=worst["rule"],
        )
    for cell, checkpoint in zip(cells, checkpoints, strict=True):
        mine = next((each for each in readings if _is_of(each, checkpoint)), None)
        cell.markdown("–" if mine is None else f"{SIGNS[mine['level']]} {plain(mine['text'])}")


def _draw_rules(found: Iterable[Reading]) -> None:
    with st.expander("When is it a notice, when trouble?"):
        rules = {each["item"]: each["rule"] for each in found}
        st.markdown("\n".join(f"- **{plain(k)}**: {plain(rule)}" for k, rule in rules.items()))


def _columns(checkpoints: Sequence[WeightSet]) -> list[Any]:
    return st.columns([2, *[3] * len(checkpoints)])


def _is_of(reading: Reading, checkpoint: WeightSet) -> bool:
    return (reading["checkpoint"], reading["step"]) == (checkpoint.label, checkpoint.step)


def _worst(readings: Sequence[Reading]) -> Reading:
    return min(readings, key=lambda each: WORST_FIRST.index(each["level"]))


def _view(reading: Reading) -> dict[str, str]:
    """Return where a reading was found, as the pages spell it in their addresses."""
    keys = ("role", "layer", "head")
    return {key: str(reading[key]) for key in keys if reading[key] is not None}
