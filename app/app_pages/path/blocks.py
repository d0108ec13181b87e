"""The prompt, the choice of a token, and what each state predicts, on the page of paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.traces import COLUMNS

from ...blocks.figures import draw_wide
from ...blocks.tables import draw_downloads, draw_table, headed
from ...frame.controls import choose, choose_options, switch, typed
from ...frame.looks import chip
from ...frame.text import plain
from .paths import Paths, every_token, hub_folder, massive, of_one, one_token, tokens_in

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet

PROMPT = "The name of the file is the first word of the line"
"""What is run before anything is typed."""
BYTES = 4
"""Of a parameter in memory: float32."""
LONGEST = 4000
"""Characters of a prompt."""
ALL = "all tokens"
MOST_CHANNELS = 5
FORMATS = {
    "angle_moved": "%.1f°",
    "angle_to_suggestion": "%.1f°",
    "angle_to_final": "%.1f°",
    "angle_to_next": "%.1f°",
    "share_of_way": "%.2f",
    "top_probability": "%.3f",
    "next_probability": "%.3f",
}
NAMES = {
    "after": "after",
    "token": "token",
    "text": "text",
    "next_text": "true next",
    "top_text": "predicts",
    "top_probability": "p(predicted)",
    "next_probability": "p(true next)",
    "angle_moved": "moved",
    "angle_to_suggestion": "to suggested",
    "share_of_way": "share",
    "angle_to_final": "to final",
    "angle_to_next": "to next",
}
"""Column -> its heading; the help of a heading says more."""
HELP = {name: meaning for name, (_, meaning, *_) in COLUMNS.items()}


def ask_prompt() -> str:
    """Draw the box for a prompt; return what is in it."""
    return typed(
        "Prompt",
        "prompt",
        usual=PROMPT,
        forget=["position"],
        max_chars=LONGEST,
        help="Run through every open model that has a tokenizer beside it: models of "
        "reference_model, and folders of Hugging Face models.",
    )


def ask_to_run(checkpoints: Sequence[WeightSet]) -> list[str]:
    """Draw a switch for each model that transformers can run; return the labels of those off.

    A model may be large: it is loaded whole, in float32, only when somebody says so.
    """
    held_back = []
    for each in checkpoints:
        if hub_folder(each) is not None:
            megabytes = max(1, round(BYTES * each.n_parameters / 1e6))
            said = f"Run {plain(each.label)} ({megabytes:,} MB of memory)"
            if not switch(said, f"run {each.label}"):
                held_back.append(each.label)
    return held_back


def draw_refusals(paths: Paths) -> None:
    """Say of each path that there is not why."""
    for refusal in paths.refusals:
        st.info(plain(refusal), icon=":material/info:")


def draw_paths(paths: Paths) -> None:
    """Draw the choice of a token and of a centre, and all that is known of the states."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        token = choose_token(paths.table)
        centre = choose_options("path_projection")
        every = token is None and switch("All tokens on the map", "map_all")
    path_of_token = one = {} if token is None else {"token": token}
    draw_wide("path_angles", paths.table, paths.key, paths.labels, options=one)
    if token is None and not every:  # many paths at once are a tangle
        one = {"token": _last_followed(paths.table)}
    draw_wide("path_projection", paths.table, paths.key, paths.labels, options=one | centre)
    draw_predictions(paths, token)
    draw_wide("path_states", paths.table, paths.key, paths.labels, options=path_of_token)
    draw_massive(paths)
    if (paths.table["row"] == "head").any():
        draw_wide("attention_heads", paths.table, paths.key, paths.labels)


def _last_followed(table: pd.DataFrame) -> int:
    """Return the last token that another follows, or the only one."""
    places = list(tokens_in(table))
    return places[-2] if len(places) > 1 else places[-1]


def choose_token(table: pd.DataFrame) -> int | None:
    """Draw the choice of a token; return its position, None for all."""
    texts = tokens_in(table)
    values = [None, *texts]
    return choose(
        "Token", values, "position", say=lambda at: ALL if at is None else f"{at}: {texts[at]}"
    )


def draw_predictions(paths: Paths, token: int | None) -> None:
    """Draw, for each path, what the model's head would predict after each block."""
    st.subheader("What each state predicts", anchor="predictions")
    st.caption(
        "The most probable next token, had the model's head been put on the state: in nGPT "
        "softmax(s<sub>z</sub> E<sub>output</sub> h), in a GPT after its final norm. Angles "
        "are from the state before the block, or to what the heading names.",
        unsafe_allow_html=True,
    )
    for path, color in paths.each():
        st.html(chip(path.label, color, path.family, path.step))
        rows = of_one(paths.table, path)
        shown = every_token(rows) if token is None else one_token(rows, token)
        if not len(shown):
            st.caption("Has no such token.")
            continue
        draw_table(
            shown,
            alt=f"What {path.label} predicts after each block",
            height="content" if token is not None else 280,
            column_config=headed(shown, NAMES, HELP, **FORMATS),
        )
    draw_downloads(paths.table, "path")


def draw_massive(paths: Paths) -> None:
    """Draw, for each path, which coordinates of the residual stream are the largest."""
    st.subheader("Coordinates that stand out", anchor="massive")
    st.caption(
        "Which coordinate of a state is the largest by size, of how many states it is, and how "
        "many times the median one it is at most. Hundreds of times the median, at the same "
        "coordinate in many states, are massive activations (arXiv 2402.17762)."
    )
    for path, color in paths.each():
        found = massive(of_one(paths.table, path))
        st.html(chip(path.label, color, path.family, path.step))
        draw_table(
            found,
            alt=f"Coordinates of {path.label} that stand out",
            most=MOST_CHANNELS,
            height="content",
            column_config={
                "largest_channel": "coordinate",
                "share": st.column_config.NumberColumn("largest in", format="percent"),
                "largest_over_median": st.column_config.NumberColumn(
                    "over the median, at most", format="%.1f"
                ),
                "where": "there: after",
                "text": "token",
            },
        )
