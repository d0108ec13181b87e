"""What the page of embeddings asks for: tokens of a checkpoint, neighbours, extreme pairs."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.tables.token_views import counted, pair_table
from ngpt_inspect.tables.tokens import OF_LOGITS, OF_ROWS, joined_tokens
from ngpt_inspect.vocabulary import Kind, Role, roles_of

from ...engine.answers import ask, so_far
from ...engine.loading import store, texts_once
from ...engine.questions import requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ngpt_inspect.tokens import TokenTexts
    from ngpt_inspect.weights import WeightSet

    from ...engine.answers import SoFar

EMBEDDINGS = roles_of(Kind.EMBEDDING)
COUNTED = ("nearest_tokens", "token_health")


def embeddings_of(checkpoint: WeightSet) -> list[str]:
    """Return the embeddings a checkpoint has of its own."""
    return [str(role) for role in EMBEDDINGS if role in checkpoint.roles]


def tokens_of(checkpoint: WeightSet) -> tuple[pd.DataFrame, str]:
    """Return one row a token and embedding, as far as it is known, and what is still to come."""
    asked = requests([checkpoint], OF_ROWS, whole=True)
    if Role.S_Z in checkpoint.roles:
        asked += requests([checkpoint], [OF_LOGITS], whole=True, roles=[Role.S_Z])
    texts = texts_once(checkpoint)
    found = so_far(asked, [checkpoint])
    key = sha256(repr((found.key, texts.digest)).encode()).hexdigest()
    return _joined(key, found, texts, len(asked)), found.said()


@st.cache_resource(max_entries=16, show_spinner=False)
def _joined(key: str, _found: SoFar, _texts: TokenTexts, n_asked: int) -> pd.DataFrame:
    """Return the tokens of what is known; of all that was asked they are kept for good."""
    tokens = store().get(key)
    if tokens is None:
        tokens = joined_tokens([_found.table], {_found.checkpoints[0].label: _texts})
        if len(_found.known) == n_asked and not _found.late:  # what failed is tried again
            store().put(key, tokens)
    return tokens


def counts_of(checkpoints: Sequence[WeightSet]) -> tuple[pd.DataFrame, str]:
    """Return how many tokens are remarkable in each embedding, and what is still to come."""
    found = so_far(requests(checkpoints, COUNTED), checkpoints)
    table = found.table
    return (table if table.empty else counted(table)), found.said()


def neighbours_of(checkpoint: WeightSet, role: str, token: int, count: int) -> pd.DataFrame | None:
    """Return the nearest tokens of one token, nearest first, or None."""
    table = ask(checkpoint, "neighbours", roles=[role], token=str(token), count=count)
    if table is None:
        return None
    near = table[table["measure"] == "neighbour_cosine"]
    return pair_table(near, {checkpoint.label: texts_once(checkpoint)})


def extremes_of(checkpoint: WeightSet, role: str, measure: str) -> pd.DataFrame | None:
    """Return the pairs of tokens of largest or smallest dot product or cosine, or None."""
    table = ask(checkpoint, "dot_products")
    if table is None:
        return None
    wanted = (table["measure"] == measure) & (table["role"] == role)
    return pair_table(table[wanted], {checkpoint.label: texts_once(checkpoint)})
