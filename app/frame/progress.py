"""The top of a page while its numbers are being measured: how far, how long, and a way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.wording import duration

from ..engine.answers import waited_for
from ..engine.jobs import BackgroundJob, State
from ..engine.loading import workshop
from .parts import draw_all_again
from .text import plain

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

EVERY, SOON = 1.5, 0.3
"""Seconds between two looks at the work, and where some of it may end before the next: each look
has the browser go over the whole page."""


def draw_progress() -> None:
    """Show what this run of the page waited for in vain; run it again when more is known."""
    jobs = waited_for()
    active = [job for job in jobs if job.state in (State.WAITING, State.RUNNING)]
    if active:
        _watch(active)
    failed = [job for job in jobs if job.state is State.FAILED]
    if failed:
        with _offer("Try again", failed):
            for error in dict.fromkeys(job.error for job in failed):
                st.warning(plain(error), icon=":material/error:")
    stopped = [job for job in jobs if job.state is State.STOPPED]
    if stopped:
        with _offer("Go on", stopped):
            titles = ", ".join(dict.fromkeys(job.title for job in stopped))
            st.info(plain(f"Stopped: {titles}."), icon=":material/stop_circle:")
    if any(job.state is State.DONE for job in jobs):
        st.rerun()  # done between being asked for and now


@st.fragment(run_every=EVERY)
def _watch(active: Sequence[BackgroundJob]) -> None:
    """Show jobs at work. A fragment: it is run again by itself, the page is not."""
    _look(active)
    running = next((job for job in active if job.state is State.RUNNING), active[0])
    bar, button = st.columns([6, 1], vertical_alignment="center")
    bar.progress(running.share, plain(_said(running, len(active) - 1)))
    if button.button("Stop", key="stop", icon=":material/stop:", width="stretch"):
        for job in active:
            job.stop()
    if (due := running.due()) < EVERY:
        st.fragment(_look, run_every=max(SOON, due))(active)


def _look(active: Sequence[BackgroundJob]) -> None:
    """Run the page again if something has ended."""
    if any(job.ended for job in active):
        draw_all_again()


def _said(job: BackgroundJob, others: int) -> str:
    seconds = job.remaining()
    left = "" if seconds is None else f", about {duration(seconds)} left"
    done = f": {job.share:.0%}{left}" if job.total else " …"
    more = f"; then {others} more" if others else ""
    return f"{job.title}{done}{more}"


def _offer(word: str, ended: Sequence[BackgroundJob]) -> DeltaGenerator:
    """Draw a button that has these jobs done again; return the place of the words beside it."""
    words, button = st.columns([6, 1], vertical_alignment="center")
    if button.button(word, key=word.lower(), width="stretch"):
        for job in ended:
            workshop().forget(job)
        st.rerun()
    return words
