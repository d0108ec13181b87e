"""What the page of embeddings asks for: tokens of a checkpoint, neighbours, extreme pairs."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from ngpt_inspect.tables.token_views import counted, pair_table
from ngpt_inspect.tables.tokens import OF_LOGITS, OF_ROWS, joined_tokens
from ngpt_inspect.vocabulary import Kind, Role, roles_of

from ...engine.answers import answer, ask, ask_all, requests
from ...engine.loading import store, texts_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ngpt_inspect.weights import WeightSet

EMBEDDINGS = roles_of(Kind.EMBEDDING)
COUNTED = ("nearest_tokens", "token_health")


def embeddings_of(checkpoint: WeightSet) -> list[str]:
    """Return the embeddings a checkpoint has of its own."""
    return [str(role) for role in EMBEDDINGS if role in checkpoint.roles]


def tokens_of(checkpoint: WeightSet) -> pd.DataFrame | None:
    """Return one row a token and embedding, or None: they are being measured."""
    asked = requests([checkpoint], OF_ROWS, whole=True)
    if Role.S_Z in checkpoint.roles:
        asked += requests([checkpoint], [OF_LOGITS], whole=True, roles=[Role.S_Z])
    texts = texts_once(checkpoint)
    told = (checkpoint.label, texts.digest, *(each.key for each in asked))
    key = sha256(repr(told).encode()).hexdigest()
    kept = store().get(key)
    if kept is not None:
        return kept
    table = answer(asked, [checkpoint])
    if table is None:
        return None
    tokens = joined_tokens([table], {checkpoint.label: texts})
    if all(each.table() is not None for each in asked):  # what failed is tried again
        store().put(key, tokens)
    return tokens


def counts_of(checkpoints: Sequence[WeightSet]) -> pd.DataFrame | None:
    """Return how many tokens are remarkable in each embedding, or None."""
    table = ask_all(checkpoints, COUNTED)
    return None if table is None else counted(table)


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
