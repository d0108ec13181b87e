"""What is looked at of tables of tokens: pairs, an order, what a search is for."""

from __future__ import annotations

import numpy as np

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.naming import named
from ngpt_inspect.tables.tokens import WHERE, Texts, typed
from ngpt_inspect.tokens import TokenTexts
from ngpt_inspect.vocabulary import Status

NO_STEP = -1
ORDERS = {
    "token": ("token", True),
    "shortest": ("norm", True),
    "longest": ("norm", False),
    "nearest": ("nearest_cosine", False),
    "near-duplicates": ("near_duplicates", False),
    "mean-cosine": ("mean_cosine", False),
    "unused-cosine": ("unused_cosine", False),
}
"""Name of an order -> column, and whether the smallest comes first."""

COUNTS = (
    "zero_tokens",
    "nonfinite_tokens",
    "equal_tokens",
    "low_norm_tokens",
    "near_duplicate_tokens",
    "near_duplicate_share",
)
"""Scalars of `token_health` and `nearest_tokens`."""


def pair_table(table: pd.DataFrame, texts: Texts) -> pd.DataFrame:
    """Return the rows of a tidy table that are about two tokens, with the texts of both.

    Neighbours of a token (`neighbours`), extreme pairs (`dot_products`), nearest tokens. Columns
    `checkpoint, step, role, measure, token, text, partner, partner_text, value`, in the order of
    the table.
    """
    pairs = table[table["partner"].notna()].rename(columns={"index": "token"})
    for column, name in (("token", "text"), ("partner", "partner_text")):
        pairs[name] = [
            texts.get(label, TokenTexts())[int(number)]
            for label, number in zip(pairs["checkpoint"], pairs[column], strict=True)
        ]
    columns = [*WHERE, "measure", "token", "text", "partner", "partner_text", "value"]
    return typed(pairs[columns])


def ordered(tokens: pd.DataFrame, order: str) -> pd.DataFrame:
    """Return a token table in one of `ORDERS`; what has no value comes last.

    Raises
    ------
    WrongOption
        There is no such order.
    """
    column, ascending = named(order, ORDERS, "order")
    return tokens.sort_values(column, ascending=ascending, kind="stable", na_position="last")


def searched(tokens: pd.DataFrame, words: str, texts: Texts) -> pd.DataFrame:
    """Return the rows of the tokens a search is for, those that are just the words first."""
    rank = {
        (label, number): place
        for label in tokens["checkpoint"].unique()
        for place, number in enumerate(texts.get(label, TokenTexts()).find(words))
    }
    keys = zip(tokens["checkpoint"], tokens["token"], strict=True)
    places = np.array([rank.get((label, int(number)), -1) for label, number in keys])
    found = tokens[places >= 0]
    return found.iloc[np.argsort(places[places >= 0], kind="stable")]


def counted(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many tokens are remarkable, one row an embedding: the scalars of a tidy table.

    Columns `checkpoint, step, role` and those of `COUNTS` that were measured.
    """
    rows = table[table["measure"].isin(COUNTS) & (table["status"] != Status.SKIPPED)]
    rows = rows[rows["statistic"].isna()]
    rows = rows.assign(step=rows["step"].fillna(NO_STEP))  # a null in an index finds nothing
    wide = rows.pivot(index=list(WHERE), columns="measure", values="value")
    order = list(dict.fromkeys(zip(*(rows[name] for name in WHERE), strict=True)))
    told = [name for name in COUNTS if name in wide]
    out = wide.reindex(order)[told].rename_axis(columns=None).reset_index()
    return out.assign(step=out["step"].astype("Int64").replace(NO_STEP, None))


def same_token(token: int, here: TokenTexts, there: TokenTexts) -> int | None:
    """Return the id of a token in another vocabulary: the one of the same text.

    Where either has no texts, the same id; None where the other vocabulary has no such token.
    """
    if not (here and there) or here.source == there.source:
        return token
    if token not in here.pieces:
        return token if token not in there.pieces else None
    wanted = here.pieces[token]
    if there.pieces.get(token) == wanted:
        return token
    return next((number for number, piece in there.pieces.items() if piece == wanted), None)
