"""The token table, the neighbours of one token and the extreme pairs, as a page shows them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.measures import MEASURES
from ngpt_inspect.measures.nearest_tokens import DUPLICATE
from ngpt_inspect.measures.token_health import THRESHOLD
from ngpt_inspect.tables.token_views import ORDERS, ordered, same_token, searched
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.wording import number

from ...blocks.tables import draw_downloads, draw_rows, draw_table, headed
from ...engine.loading import texts_once
from ...engine.palette import colors_of
from ...frame.address import asked, missed
from ...frame.controls import choose, typed
from ...frame.looks import chip, names_of
from ...frame.text import plain
from .tokens import (
    EMBEDDINGS,
    counts_of,
    embeddings_of,
    extremes_of,
    neighbours_of,
    tokens_of,
)

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet

A_ROW = 3
"""Checkpoints side by side."""
NEIGHBOURS = 12
BOX = 240
"""Pixels of a text box."""
TEXT = 100
"""Pixels of the text of a token, where two stand beside each other."""
MOST = 60_000
"""Tokens that travel to the browser, which sorts them by any column and searches them."""
FEW = 7
"""Rows of a table that need no scrolling."""
TOKEN, SEARCH = "token", "search"
NOT_YET = "Not measured yet."
WORDS = f"""
Numbers to sort by, not a verdict. *Low norm*: robust z-score of ln ‖e‖ below −{THRESHOLD:g}. Weight
decay shortens rows of E_input that training never met; nGPT keeps every norm at 1, so there it says
nothing. *Near-duplicates*: another row with a cosine of at least {DUPLICATE:g}. Tokens that are
never the right answer are all pushed the same way, so in E_output they tend to crowd together; look
at *cos mean* and *cosine* there. *Equal*: another row has exactly the same values.

Sources: {MEASURES["token_health"].source}; the threshold is that of Iglewicz and Hoaglin (1993).
"""
HELP = {
    "norm": MEASURES["embedding_norms"].quantities["embedding_norm"],
    "s_z": MEASURES["scaling_factors"].quantities["scaling_factor"],
    "nearest_token": "id of the other token of largest cosine",
    "nearest_text": "its text",
    **MEASURES["nearest_tokens"].quantities,
    **MEASURES["token_health"].quantities,
}
"""Column -> how it is computed."""
NAMES = {
    "zero_tokens": "zero",
    "nonfinite_tokens": "NaN, inf",
    "equal_tokens": "equal",
    "low_norm_tokens": "low norm",
    "near_duplicate_tokens": "near-duplicates",
    "near_duplicate_share": "share",
    "norm_z": "z of norm",
    "mean_cosine": "cos mean",
    "nearest_text": "nearest",
    "nearest_cosine": "cosine",
    "nearest_token": "its id",
    "near_duplicates": "near-dupl.",
    "equal_rows": "equal",
}
"""Column -> its heading, where it is not the name itself."""
ORDER = (
    *("token", "text", "norm", "nearest_text", "nearest_cosine", "near_duplicates", "s_z"),
    *("mean_cosine", "norm_z", "notes", "nearest_token", "equal_rows"),
)
"""What is looked at first comes first."""


def draw_counts(checkpoints: Sequence[WeightSet]) -> None:
    """Draw how many tokens of each embedding are remarkable, and by which rules."""
    counts, to_come = counts_of(checkpoints)
    if to_come:
        st.caption(plain(to_come))
    if counts.empty:
        return
    draw_table(
        counts,
        alt="How many tokens of each embedding are zero, equal, short or nearly duplicated",
        height="content",
        column_config=headed(counts, NAMES, HELP, near_duplicate_share="percent"),
    )
    st.caption(WORDS)


def draw_looked_at(checkpoints: Sequence[WeightSet]) -> None:
    """Draw the table of tokens, one token in every checkpoint, and the pairs most alike."""
    looked_at = draw_tokens(checkpoints)
    if looked_at:
        draw_neighbours(checkpoints, *looked_at)
        draw_extremes(*looked_at[:2])


def draw_tokens(checkpoints: Sequence[WeightSet]) -> tuple[WeightSet, str, int] | None:
    """Draw the table of tokens; return checkpoint, embedding and the token that is looked at."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        named = dict(zip(names_of(checkpoints), checkpoints, strict=True))
        checkpoint = named[choose("Checkpoint", list(named), "tokens_of")]
        label = checkpoint.label
        role = choose("Embedding", embeddings_of(checkpoint) or [str(EMBEDDINGS[0])], "embedding")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = choose("Order", ["nearest", *(o for o in ORDERS if o != "nearest")], "order")
        words = typed(
            "Search",
            SEARCH,
            forget=[TOKEN],
            placeholder="id, or text such as ␣the",
            width=BOX,
        )
        typed("Look at token", TOKEN, placeholder="id, or click a row", width=BOX)
    texts = texts_once(checkpoint)
    if texts.why_none:
        st.caption(plain(f"{label}: no texts of tokens: {texts.why_none}."))
    tokens, to_come = tokens_of(checkpoint)
    if to_come:
        st.caption(plain(to_come))
    there = tokens[tokens["role"] == role]
    rows = ordered(there, order)
    if words:
        rows = searched(rows, words, {label: texts})
    if rows.empty:
        if words or not to_come:
            st.caption(plain(f"No token of {label} is like {words!r}." if words else "None."))
        return None
    shown = rows[list(ORDER)].head(MOST).replace({"": None}).dropna(axis="columns", how="all")
    draw_rows(
        shown,
        "token table",
        rows["token"].head(MOST).tolist(),
        lambda token: {TOKEN: str(token)},
        alt=f"Tokens of {role} of {label}, ordered by {order}",
        height=280 if len(shown) > FEW else "content",
        column_config=headed(shown, NAMES, HELP),
    )
    st.caption(_how_many(len(shown), len(rows), len(there)))
    draw_downloads(rows, f"tokens {label} {role}")
    return checkpoint, role, _focus(rows, set(there["token"]))


def _how_many(shown: int, found: int, there: int) -> str:
    """Say how many tokens the table shows, and of how many."""
    of = f" of {there:,}" if found < there else ""
    if shown == found:
        return f"All {found:,}{of} tokens: a heading sorts them, the magnifier searches them."
    return f"The first {shown:,} of {found:,}{of} tokens: Order and Search above reach all."


def draw_neighbours(
    checkpoints: Sequence[WeightSet], chosen: WeightSet, role: str, token: int
) -> None:
    """Draw the nearest tokens of one token in every checkpoint, side by side."""
    here = texts_once(chosen)
    text = f" {here[token]}" if here[token] else ""
    st.subheader(f"Neighbours of token {token}{plain(text)}", anchor="neighbours")
    shown = list(zip(checkpoints, colors_of(checkpoints), strict=True))
    for first in range(0, len(shown), A_ROW):
        columns = st.columns(min(len(shown), A_ROW))
        for column, (checkpoint, color) in zip(columns, shown[first : first + A_ROW], strict=False):
            with column.container(border=True, height="stretch"):
                st.html(chip(checkpoint.label, color, checkpoint.family, checkpoint.step))
                there = same_token(token, here, texts_once(checkpoint))
                _draw_one(checkpoint, role, there)


def _draw_one(checkpoint: WeightSet, role: str, token: int | None) -> None:
    """Draw one token in one checkpoint: its own numbers, and its neighbours."""
    if token is None:
        st.caption("Its vocabulary has no token of this text.")
        return
    if Role(role) not in checkpoint.roles:
        role, tied = str(Role.E_INPUT), checkpoint.absent.get(Role(role), "not there")
        st.caption(plain(f"E_output: {tied}; this is E_input."))
    if token >= (checkpoint.shape.vocab_size or 0):
        st.caption(f"It has no row {token}.")
        return
    tokens, _ = tokens_of(checkpoint)
    near = neighbours_of(checkpoint, role, token, NEIGHBOURS)
    if near is None:
        st.caption(NOT_YET)
        return
    st.caption(plain(_numbers(tokens[(tokens["role"] == role) & (tokens["token"] == token)])))
    if near.empty:
        st.caption("Its row has no direction, so it has no neighbours.")
        return
    told = near[["partner_text", "value", "partner"]].rename(
        columns={"partner_text": "text", "value": "cosine", "partner": "id"}
    )
    draw_table(
        told if texts_once(checkpoint) else told.drop(columns="text"),
        alt=f"Nearest tokens of token {token} in {checkpoint.label}",
        height="content",
        key=f"neighbours {checkpoint.label} {checkpoint.step}",
        column_config={"cosine": st.column_config.NumberColumn(format="%.3f")},
    )


def _numbers(row: pd.DataFrame) -> str:
    """Say what is measured of one token."""
    if row.empty:
        return "Not measured."
    (values,) = row.to_dict("records")
    said = [f"id {values['token']}"]
    for name, words in (("norm", "norm"), ("s_z", "s_z"), ("mean_cosine", "cosine with mean")):
        if values[name] == values[name]:
            said.append(f"{words} {number(values[name])}")
    return ", ".join([*said, *([values["notes"]] if values["notes"] else [])])


def draw_extremes(checkpoint: WeightSet, role: str) -> None:
    """Draw the pairs of tokens of one embedding that are most alike and most opposed."""
    st.subheader(f"Extreme pairs of {role} in {plain(checkpoint.label)}", anchor="extreme-pairs")
    kind = choose("Product", ["cosine", "dot"], "product")
    for column, end in zip(st.columns(2), ("largest", "smallest"), strict=True):
        with column:
            st.markdown(f"**{end.capitalize()}**")
            pairs = extremes_of(checkpoint, role, f"{kind}_{end}")
            if pairs is None:
                st.caption(NOT_YET)
                continue
            told = pairs[["text", "partner_text", "value", "token", "partner"]]
            draw_table(
                told if texts_once(checkpoint) else told[["value", "token", "partner"]],
                alt=f"Pairs of {end} {kind} in {role} of {checkpoint.label}",
                height="content",
                key=f"{end} pairs",
                column_config={
                    "value": st.column_config.NumberColumn(kind, format="%.3f"),
                    "text": st.column_config.Column(width=TEXT),
                    "partner_text": st.column_config.Column("with", width=TEXT),
                    "token": "id",
                    "partner": "with id",
                },
            )


def _focus(rows: pd.DataFrame, there: Set[int]) -> int:
    """Return the token looked at: the one in the address, else the first of the table."""
    wanted = asked(TOKEN)
    if wanted.isdecimal() and int(wanted) in there:
        return int(wanted)
    if wanted:
        ids = f"ids are 0 to {max(there)}; the search finds one by its text"
        missed().append(f"There is no token {wanted!r} here: {ids}.")
    return int(rows["token"].iloc[0])
