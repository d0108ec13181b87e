"""Tables with one row a token, or a pair of tokens, and their texts: views of tidy tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures.token_health import THRESHOLD
from ngpt_inspect.table import Table
from ngpt_inspect.tables.asked import Source, opened
from ngpt_inspect.tables.measuring import Progress, measure
from ngpt_inspect.tokens import TokenTexts, token_texts
from ngpt_inspect.vocabulary import Kind, Role, Status, roles_of
from ngpt_inspect.weights import WeightSet

OF_ROWS = ("embedding_norms", "nearest_tokens", "token_health")
"""Measures of the rows of an embedding."""
OF_LOGITS = "scaling_factors"
"""The measure that has s_z, one number a token."""

QUANTITIES = {
    "embedding_norm": "norm",
    "norm_z": "norm_z",
    "nearest_cosine": "nearest_cosine",
    "near_duplicates": "near_duplicates",
    "equal_rows": "equal_rows",
    "mean_cosine": "mean_cosine",
    "unused_cosine": "unused_cosine",
}
"""Quantity of the tidy table -> column here."""
WHERE = ("checkpoint", "step", "role")
TOKEN_COLUMNS = (
    *WHERE,
    "token",
    "text",
    "norm",
    "norm_z",
    "nearest_token",
    "nearest_text",
    "nearest_cosine",
    "near_duplicates",
    "equal_rows",
    "mean_cosine",
    "unused_cosine",
    "s_z",
    "notes",
)
WHOLE = ("step", "token", "nearest_token", "near_duplicates", "equal_rows", "partner")
Texts = Mapping[str, TokenTexts]
"""Label of a checkpoint -> texts of its tokens."""


def token_table(
    sources: Source | Sequence[Source],
    *,
    roles: str | Sequence[str] | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Measure every token of checkpoints and return one row a token and embedding.

    Parameters
    ----------
    sources
        What `open_checkpoint` returns, or takes; one or several.
    roles
        `E_input`, `E_output`, or both.
    device, progress
        As in `measure`.
    **options
        Of the measures `nearest_tokens` (`duplicate`) and `token_health` (`threshold`, `unused`).

    Returns
    -------
    pandas.DataFrame
        Columns `TOKEN_COLUMNS`, documented in docs/tokens.md.

    Raises
    ------
    InspectError
        As `measure`.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> tokens = ni.token_table("runs/ngpt", roles="E_input")
    >>> tokens[["token", "norm"]].round(3).head(2).values.tolist()
    [[0, 1.0], [1, 1.0]]
    """
    models = distinct(opened(sources))
    table = measure(models, OF_ROWS, roles=roles, device=device, progress=progress, **options)
    scaled = [model for model in models if Role.S_Z in model.roles]
    parts = [table]
    if scaled:
        parts.append(measure(scaled, OF_LOGITS, roles=[Role.S_Z], device=device))
    texts = texts_of(models)
    out = joined_tokens(parts, texts, threshold=options.get("threshold", THRESHOLD))
    remarks = [*table.attrs["remarks"], *_remarks(models, texts)]
    out.attrs = table.attrs | {"remarks": remarks}
    return out


def texts_of(models: Sequence[WeightSet]) -> dict[str, TokenTexts]:
    """Return the token texts of each checkpoint, by its label."""
    return {model.label: token_texts(model.contents.source) for model in models}


def _remarks(models: Sequence[WeightSet], texts: Texts) -> Iterator[str]:
    """Say where texts are missing, and which rows no text can ever reach."""
    for model in models:
        known = texts[model.label]
        if not known:
            yield f"{model.label}: no texts: {known.why_none}"
            continue
        first, rows = max(known.pieces) + 1, model.shape.vocab_size or 0
        if first < rows:
            yield (
                f"{model.label}: rows {first} to {rows - 1} are not in the tokenizer; "
                f"--unused {first}-{rows - 1} compares every row with them"
            )


def joined_tokens(
    tables: Sequence[pd.DataFrame], texts: Texts, *, threshold: float = THRESHOLD
) -> pd.DataFrame:
    """Return the single values of tidy tables side by side, one row a token and embedding.

    What was not measured is null. `notes` says what is remarkable of a token, and by which rule.

    Parameters
    ----------
    tables
        Of the measures `OF_ROWS` and `OF_LOGITS`, with their single values.
    texts
        Of each checkpoint.
    threshold
        Of `token_health`: a norm_z below its negative is noted.
    """
    wanted = [*QUANTITIES, "scaling_factor"]
    rows = pd.concat([t[t["measure"].isin(wanted) & t["statistic"].isna()] for t in tables])
    rows = rows[rows["index"].notna()]
    scales = {  # by the step's text: a null is not equal to itself
        (label, str(step)): group.set_index("index")["value"]
        for (label, step), group in rows[rows["role"] == Role.S_Z].groupby(
            list(WHERE[:2]), dropna=False
        )
    }
    embeddings = [str(role) for role in roles_of(Kind.EMBEDDING)]
    groups = rows[rows["role"].isin(embeddings)].groupby(list(WHERE), dropna=False, sort=False)
    frames = [
        _of_embedding(
            group, scales, texts.get(group["checkpoint"].iloc[0], TokenTexts()), threshold
        )
        for _, group in groups
    ]
    out = pd.concat(frames) if frames else pd.DataFrame(columns=list(TOKEN_COLUMNS))
    return typed(out[list(TOKEN_COLUMNS)])


def _of_embedding(
    group: pd.DataFrame, scales: Mapping[Any, pd.Series], texts: TokenTexts, threshold: float
) -> pd.DataFrame:
    """Return the tokens of one embedding of one checkpoint."""
    frame = _side_by_side(group)
    place = group[list(WHERE)].iloc[0]
    scale = scales.get((place["checkpoint"], str(place["step"])))
    frame["s_z"] = np.nan if scale is None else scale.reindex(frame.index)
    for name in WHERE:
        frame[name] = place[name]
    frame["token"] = frame.index
    frame["text"] = [texts[number] for number in frame.index]
    frame["nearest_text"] = [
        "" if number is None else texts[number] for number in _or_none(frame["nearest_token"])
    ]
    frame["notes"] = _notes(frame, group, texts, threshold)
    return frame


def _or_none(numbers: pd.Series) -> list[int | None]:
    return [None if missing else int(n) for n, missing in zip(numbers, numbers.isna(), strict=True)]


def _side_by_side(group: pd.DataFrame) -> pd.DataFrame:
    """Return the quantities of one embedding as columns, by token."""
    columns_of = group[["measure", "index", "value", "partner"]]
    parts = {name: part.set_index("index") for name, part in columns_of.groupby("measure")}
    columns = {
        column: parts[quantity]["value"] if quantity in parts else np.nan
        for quantity, column in QUANTITIES.items()
    }
    if "nearest_cosine" in parts:
        columns["nearest_token"] = parts["nearest_cosine"]["partner"]
    tokens = np.unique(group["index"].to_numpy(np.int64))
    return pd.DataFrame(columns, index=tokens).reindex(
        columns=[*QUANTITIES.values(), "nearest_token"]
    )


def _notes(
    frame: pd.DataFrame, group: pd.DataFrame, texts: TokenTexts, threshold: float
) -> list[str]:
    """Return what is remarkable of each token, in words that name the rule."""
    skipped = group[group["status"] == Status.SKIPPED]
    why = dict(zip(skipped["index"], skipped["reason"], strict=True))
    unnamed = ~frame["token"].isin(texts.pieces) if len(texts) else frame["token"].isna()
    low, counts = frame["norm_z"] < -threshold, frame[["near_duplicates", "equal_rows"]]
    noted = frame["token"].isin(why) | low | (counts > 0).any(axis=1) | unnamed
    notes = dict.fromkeys(frame["token"], "")
    columns = (frame["token"], low, counts["near_duplicates"], counts["equal_rows"], unnamed)
    for token, is_low, close, equal, nameless in zip(*(c[noted] for c in columns), strict=True):
        said = [why[token].rpartition(": ")[2]] if token in why else []
        said += [f"norm_z below -{threshold:g}"] if is_low else []
        said += [f"equals {equal:.0f} other row{_s(equal)}"] if equal > 0 else []
        said += [f"{close:.0f} near-duplicate{_s(close)}"] if close > 0 else []
        said += ["not in the tokenizer"] if nameless else []
        notes[token] = "; ".join(said)
    return list(notes.values())


def _s(count: float) -> str:
    return "" if count == 1 else "s"


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of tokens with integers that can be null, and floats."""
    whole = {name: "Int64" for name in WHOLE if name in table}
    numbers = {
        name: "float64"
        for name in (*QUANTITIES.values(), "s_z", "value")
        if name in table and name not in whole
    }
    return Table.of(table).rows.astype(whole | numbers).reset_index(drop=True)
