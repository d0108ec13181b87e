"""The parts of the page of training: runs at work, their losses, what it took, what moved."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.errors import InspectError
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.figures.canvas.theme import NEUTRAL
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.results import loss_levels, reached_at
from ngpt_inspect.results.training_curves import smoothed

from ...blocks.figures import draw_figure, draw_wide
from ...blocks.tables import draw_downloads, draw_table
from ...engine.loading import status_once, wide_once
from ...engine.palette import colors_of
from ...frame.controls import choose, choose_options, slide, switch
from ...frame.looks import chip
from ...frame.parts import WHOLE, draw_all_again, part
from ...frame.text import plain
from .read_out import factors, in_words
from .runs import OpenRun, every_step, goes_on, share_done, stamps, status_in_words

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

EVERY = 2.0
"""Seconds between two looks at the files of a run."""
STEP = 0.01
"""Nats per token between two places of the slider."""
MOST_METRICS = 4
MOST_NAMED = 6
"""Runs that the description of a figure names."""
LINES = "lines"
SLIDER = 320
"""Pixels of the slider for smoothing."""
OF_RESULTS = (
    *("loss_curves", "final_losses", "speed_up", "learning_rates"),
    *("longer_context", "downstream_accuracy", "step_time"),
)


def draw_status(runs: Sequence[OpenRun], checkpoints: Sequence[WeightSet]) -> None:
    """Draw a line a run; look again by itself, and run the page again when a run went on."""
    seen = stamps(runs)
    follow = goes_on(runs, time.time()) and switch("Follow runs that train", "follow", usual=True)
    labelled = zip([each.label for each in checkpoints], colors_of(checkpoints), strict=True)
    shades = dict(reversed(list(labelled)))  # of several checkpoints of a run, the first's
    st.fragment(_draw_lines, run_every=EVERY if follow else None)(runs, shades, seen)


def _draw_lines(runs: Sequence[OpenRun], shades: dict[str, str], seen: object) -> None:
    """Draw the lines. As a fragment it is run again by itself, with what the page has seen."""
    # A run that logs faster than the page is drawn does not get to cut it short.
    if st.session_state[WHOLE] and stamps(runs) != seen:
        draw_all_again()
    for run in runs:
        name, line = st.columns([1, 4], vertical_alignment="center")
        family = "" if run.checkpoint is None else run.checkpoint.family
        name.html(chip(run.label, shades.get(run.label, NEUTRAL), family, None))
        try:
            status = status_once(run.folder)
        except InspectError as error:
            line.warning(plain(str(error)), icon=":material/error:")
            continue
        words = plain(status_in_words(status, time.time()))
        share = share_done(status)
        if share is None:
            line.caption(words)
        else:
            line.progress(share, words)


def draw_read_out(places: Sequence[str]) -> None:
    """Draw a slider over losses, and what it took each run to reach the one it is at."""
    losses, *_ = wide_once("losses", places)
    levels = loss_levels(losses)
    if levels is None:
        return
    st.subheader("What it took to reach a loss", anchor="reached")
    low, high = (math.floor(levels[0] / STEP) * STEP, math.ceil(levels[1] / STEP) * STEP)
    loss = _loss(round(low, 2), round(high, 2), round(math.ceil(levels[2] / STEP) * STEP, 2))
    reached = reached_at(losses, loss)
    shown = list(factors(reached))[:MOST_METRICS]
    for place, (label, value) in zip(st.columns(max(len(shown), 1)), shown, strict=False):
        place.metric(plain(label), value, help="How many times fewer steps to this loss.")
    draw_table(
        in_words(reached),
        alt=f"Steps, tokens and time of each run to a validation loss of {loss:.2f}",
        height="content",
    )
    draw_downloads(reached, "reached")
    st.caption(
        "Steps on the running minimum of the validation loss, interpolated in log(steps); time is "
        "linear in steps between validations. Nothing is extrapolated: a run that has not "
        "reached the loss took more than it has trained. Time is that of the steps alone, on "
        "whatever machine each run had. Source: arXiv 2410.01131, Figure 1."
    )
    for remark in reached.attrs["remarks"]:
        st.caption(plain(remark))


def _loss(low: float, high: float, usual: float) -> float:
    """Draw the slider; while a run trains its bounds move, and what was chosen stays inside."""
    if high <= low:
        return usual
    return slide(
        "Validation loss, nats per token",
        "loss",
        low,
        high,
        usual,
        STEP,
        help="At first the lowest that every run has reached.",
    )


def draw_losses(places: Sequence[str]) -> None:
    """Draw what runs log, against steps, tokens or seconds."""
    st.subheader(FIGURES["training_curves"].title, anchor="training-curves")
    options = choose_options("training_curves")
    weight = slide(
        "Smoothing of the training loss",
        "smooth",
        *(0.0, 0.99, 0.0, 0.01),
        help="Weight of what came before, in an exponential mean; 0 shows what was logged.",
        width=SLIDER,
    )
    table, key, _ = wide_once("training_curves", places)
    runs = list(dict.fromkeys(table["run"]))
    shown = smoothed(table, weight)
    draw_wide("training_curves", shown, f"{key} {weight}", runs, options=options, title="")


def draw_trajectories(runs: Sequence[OpenRun]) -> None:
    """Draw any quantity over the saved steps of runs."""
    steps = [step for run in runs if run.checkpoint is not None for step in every_step(run)]
    if not steps:
        return
    st.subheader(FIGURES["trajectories"].title, anchor="trajectories")
    as_map = choose("Drawn as", [LINES, "a map of layers"], "moved_as") != LINES
    name = "layer_steps" if as_map else "trajectories"
    options = choose_options(name, key="moved_")
    (measure,) = FIGURES[name].needs_with(options)
    there = {role for checkpoint in steps for role in checkpoint.roles}
    roles = [str(role) for role in MEASURES[measure].roles if role in there]
    if not roles:
        st.caption("Nothing that is open has any of it.")
        return
    only = choose("Role", ["all", *roles], "moved_role", help="Every role in a panel, or one.")
    chosen = None if only == "all" else [only]
    draw_figure(name, steps, options=options, title="", only=chosen)


def draw_results_figures(places: Sequence[str]) -> None:
    """Draw the figures of experiments that these files have rows for."""
    for name in OF_RESULTS:
        try:
            if wide_once(FIGURES[name].results, places)[0].empty:
                continue
            st.subheader(FIGURES[name].title, anchor=name.replace("_", "-"))
            part(name, _draw_results, name, places)
        except InspectError as error:
            st.warning(plain(str(error)), icon=":material/error:")


def _draw_results(name: str, places: Sequence[str]) -> None:
    table, key, _ = wide_once(FIGURES[name].results, places)
    runs = list(dict.fromkeys(table["run"])) if "run" in table else []
    options = choose_options(name, key=f"{name}_")
    draw_wide(name, table, key, runs[:MOST_NAMED], options=options, title="")
