"""The layout of the page of training."""

import streamlit as st

from ...frame.parts import part
from ...frame.session import current, current_places
from ...frame.text import plain
from ...frame.welcome import draw_welcome
from .blocks import (
    draw_losses,
    draw_read_out,
    draw_results_figures,
    draw_status,
    draw_trajectories,
)
from .runs import in_no_run, open_runs, readable, results_among


def draw() -> None:
    """Draw how runs go on, their losses, what it took, what moved, and results of experiments."""
    checkpoints, places = current(), current_places()
    runs, results = open_runs(checkpoints, places), results_among(places)
    alone = in_no_run(checkpoints, runs)

    st.title("Training")
    if not places:
        draw_welcome()
    if alone:
        st.info(
            f"Not in the folder of a training run, so nothing is known of their training: "
            f"{plain(', '.join(each.label for each in alone))}.",
            icon=":material/info:",
        )
    if runs:
        draw_status(runs, checkpoints)
        logged, failures = readable(runs)
        for failure in failures:
            st.warning(plain(failure), icon=":material/error:")
        if logged:
            part("losses", draw_losses, logged)
            part("reached", draw_read_out, logged)
        part("trajectories", draw_trajectories, runs)
    if results:
        draw_results_figures(results)
