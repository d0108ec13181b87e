"""From traces to the path table: one row a token and state, and the means over tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.naming import several
from ngpt_inspect.tokens.quoting import shown_text
from ngpt_inspect.traces._columns import COLUMNS, MEANS, PATH
from ngpt_inspect.traces._geometry import geometry
from ngpt_inspect.traces._reading import Trace, read_trace
from ngpt_inspect.version import __version__

Source = str | PathLike[str] | Trace
DTYPES = {name: dtype for name, (dtype, _) in COLUMNS.items()}
UNIT = 1e-3
"""States of an nGPT this far off the sphere are remarked: bfloat16 rounds to less."""


def path(traces: Source | Sequence[Source]) -> pd.DataFrame:
    """Follow hidden states on the hypersphere, from the input embedding to the final state.

    The paper (arXiv 2410.01131, section 2.2.2) reads nGPT as an optimiser that moves the hidden
    state of each token towards the output embedding of the next, in two steps a layer
    (equations 10 and 11). Angles are between directions: a GPT's states are as good as
    normalised, and a remark says so.

    Parameters
    ----------
    traces
        One or several: files that ``python -m reference_model.trace`` or another model's code
        wrote (docs/traces.md), or what `read_trace` returned.

    Returns
    -------
    pandas.DataFrame
        Columns as docs/traces.md lists them. `row` tells four kinds: ``state``, one a token and
        state; ``next``, one a token whose next one is known, with the place of that one's output
        embedding; ``mean``, one a state, over the tokens where a quantity is defined; ``head``,
        one a layer and head, where the trace has their attention. ``attrs``:
        `tool`, `results` (``path``), `checkpoints` (one a trace) and `remarks`.

    Raises
    ------
    UnreadableFile
        A file is missing, damaged, no trace, or contradicts itself.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> table = ni.path("trace.safetensors")
    >>> means = table[table["row"] == "mean"]
    >>> means["angle_moved"].round(3).tolist()  # degrees; nothing came before the embedding
    [nan, 10.0, 15.0, 2.0, 33.0]
    """
    given = several(traces, Trace, what="a trace")
    opened = [each if isinstance(each, Trace) else read_trace(each) for each in given]
    labels = _labels(opened)
    remarks: list[str] = []
    pieces = []
    for trace, label in zip(opened, labels, strict=True):
        piece, norms = _rows(trace, label)
        pieces.append(piece)
        remarks += _remarks(trace, label, norms)
    empty = pd.DataFrame(columns=list(DTYPES)).astype(DTYPES)
    table = pd.concat(pieces, ignore_index=True) if pieces else empty
    table.attrs = {
        "tool": f"ngpt-inspect {__version__}",
        "results": PATH,
        "checkpoints": [_facts(trace, label) for trace, label in zip(opened, labels, strict=True)],
        "remarks": remarks,
    }
    return table


def _rows(trace: Trace, label: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of one trace, and the norms of its states."""
    found = geometry(trace)
    n_states, n_tokens = found["norm"].shape
    n_next = len(trace.next_embeddings)
    tops = trace.top_ids[:, :, 0].numpy()
    columns: dict[str, Any] = {
        "token": np.broadcast_to(np.arange(n_tokens), (n_states, n_tokens)),
        "state": np.broadcast_to(np.arange(n_states)[:, None], (n_states, n_tokens)),
        "top_id": tops,
        "top_probability": trace.top_probabilities[:, :, 0].numpy(),
        "next_probability": _padded(trace.next_probabilities.numpy(), n_tokens),
        **{name: values for name, values in found.items() if values.ndim == 2},
        **{
            name: np.broadcast_to(values, (n_states, n_tokens))
            for name, values in found.items()
            if name.startswith("stress")
        },
    }
    states = pd.DataFrame({name: values.T.ravel() for name, values in columns.items()})
    states["row"], states["top_text"] = "state", _texts(states["top_id"], trace)
    following = pd.DataFrame({name: found[f"{name}_of_next"] for name in PLACES})
    following = following.assign(row="next", token=np.arange(n_tokens))[:n_next]
    means = states.groupby("state", as_index=False)[list(MEANS)].mean().assign(row="mean")
    tokens = pd.concat([states, following]).sort_values("token", kind="stable")
    table = pd.concat([tokens, means], ignore_index=True)
    table = _placed(_named(table, trace), n_states - 1)
    table = pd.concat([table, *_heads(trace)], ignore_index=True)
    table["checkpoint"], table["step"] = label, trace.about.step
    table["family"] = trace.about.family
    table = table.reindex(columns=list(COLUMNS))
    for name in (name for name, dtype in DTYPES.items() if dtype == "str"):
        table[name] = table[name].astype(object).where(table[name].notna(), "")
    return table.astype(DTYPES), found["norm"]


PLACES = ("angle_to_final", "x_final", "y_final", "stress_final", "x_next", "y_next", "stress_next")
"""What is said of a next token's output embedding."""


def _heads(trace: Trace) -> Iterator[pd.DataFrame]:
    """Yield one row a layer and head: means over the queries that have a choice of keys."""
    if trace.attention_entropy is None or trace.attention_to_first is None:
        return
    layers, heads, _ = trace.attention_entropy.shape
    yield pd.DataFrame(
        {
            "row": "head",
            "layer": np.repeat(np.arange(layers), heads),
            "head": np.tile(np.arange(heads), layers),
            "block": "attention",
            "attention_entropy": trace.attention_entropy[..., 1:].double().mean(-1).flatten(),
            "attention_to_first": trace.attention_to_first[..., 1:].double().mean(-1).flatten(),
        }
    )


def _named(table: pd.DataFrame, trace: Trace) -> pd.DataFrame:
    """Add ids and texts of each row's token and of the one that follows it."""
    ids, texts = trace.token_ids.tolist(), [shown_text(text) for text in trace.about.tokens]
    named = {"token_id": ids, "next_id": ids[1:], "text": texts, "next_text": texts[1:]}
    for name, of in named.items():
        table[name] = table["token"].map(dict(enumerate(of)))
    return table


def _placed(table: pd.DataFrame, n_blocks: int) -> pd.DataFrame:
    """Add depth, layer and block of each state."""
    passed = table["state"]
    table["depth"] = passed / n_blocks
    table["layer"] = ((passed - 1) // 2).where(passed > 0)
    blocks = {0: "embedding", **{k: ("mlp", "attention")[k % 2] for k in range(1, n_blocks + 1)}}
    table["block"] = passed.map(blocks).fillna("")
    return table


def _texts(ids: pd.Series, trace: Trace) -> pd.Series:
    known = {each: shown_text(text) for each, text in trace.about.predictions.items()}
    return ids.map(lambda each: known.get(each, f"<{each}>"))


def _padded(values: np.ndarray, n_tokens: int) -> np.ndarray:
    """Return NaN for the tokens whose next one is not known."""
    missing = n_tokens - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan)


def _labels(traces: Sequence[Trace]) -> list[str]:
    """Return labels that tell traces apart; steps of one checkpoint share theirs."""
    places = [(trace.about.checkpoint, trace.about.step) for trace in traces]
    clash = Counter(places)
    labels = [
        f"{place[0]} ({Path(trace.source).stem})" if clash[place] > 1 else place[0]
        for trace, place in zip(traces, places, strict=True)
    ]
    again = Counter(zip(labels, (step for _, step in places), strict=True))
    return [
        f"{label} #{at}" if again[(label, step)] > 1 else label
        for at, (label, (_, step)) in enumerate(zip(labels, places, strict=True), 1)
    ]


def _remarks(trace: Trace, label: str, norms: np.ndarray) -> Iterator[str]:
    low, high = float(norms.min()), float(norms.max())
    if trace.about.family == "GPT":
        yield (
            f"{label}: a GPT's hidden states are normalised for the angles; "
            f"their norms are {low:.3g} to {high:.3g}."
        )
    elif max(abs(low - 1), abs(high - 1)) > UNIT:
        yield (
            f"{label}: hidden states of an nGPT have norm 1, these {low:.4g} to {high:.4g}; "
            "they are normalised for the angles."
        )
    if trace.about.parallel:
        yield (
            f"{label}: both blocks of a layer read the same state; the states between them, after "
            "attention alone, are never there in the model."
        )
    if not low:
        yield f"{label}: a hidden state is zero, and has no angles."


def _facts(trace: Trace, label: str) -> dict[str, Any]:
    about = trace.about
    return {
        "label": label,
        "step": about.step,
        "source": trace.source,
        "fingerprint": trace.fingerprint,
        "family": about.family,
        "tokens": len(about.tokens),
        "config": dict(about.config),
        "writer": about.writer,
    }
