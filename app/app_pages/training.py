"""Page of training: runs while they train, what they took, and what moved inside them."""

import streamlit as st

from app.runs import open_runs, readable, results_among
from app.session import current, current_places
from app.text import plain
from app.training_blocks import (
    draw_losses,
    draw_read_out,
    draw_results_figures,
    draw_status,
    draw_trajectories,
)
from app.welcome import draw_welcome

checkpoints, places = current(), current_places()
runs, results = open_runs(checkpoints, places), results_among(places)
of_runs = {run.folder for run in runs}

st.title("Training")
if not places:
    draw_welcome()
if runs:
    draw_status(runs, checkpoints)
    logged, failures = readable(runs)
    for failure in failures:
        st.warning(plain(failure), icon=":material/error:")
    if logged:
        draw_losses(logged)
        draw_read_out(logged)
