"""What the page of paths shows: open checkpoints run on a prompt, and traces that are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from app.engine.loading import path_once, trace_file_once, trace_once
from ngpt_inspect.errors import InspectError
from ngpt_inspect.gallery import colors, joined
from ngpt_inspect.traces import Trace, is_trace

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet

RUNNABLE = "reference_"
"""How the layouts begin whose model can be run here."""
PATH_KEYS = ("label", "step", "family")
BLOCKS = {"embedding": "embedding", "attention": "attention", "mlp": "MLP"}


@dataclass(frozen=True, kw_only=True)
class Path:
    """One trace among the paths."""

    label: str
    step: int | None
    family: str


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The paths there are, and why others are not."""

    table: pd.DataFrame
    """As `ngpt_inspect.path` returns it; every open checkpoint keeps its colour."""
    key: str
    """Stands for the table."""
    labels: tuple[str, ...]
    """Whose paths these are, in the order of the table."""
    refusals: tuple[str, ...]
    """One sentence each."""

    def each(self) -> list[tuple[Path, str]]:
        """Return every path there is, with its colour of every page."""
        listed = self.table.attrs["checkpoints"]
        told = [Path(**{key: facts[key] for key in PATH_KEYS}) for facts in listed]
        looks = zip(told, colors(told), strict=True)
        return [(path, color) for path, color in looks if len(of_one(self.table, path))]


def find(checkpoints: Sequence[WeightSet], places: Sequence[str], prompt: str) -> Paths:
    """Trace what can be run and read what is a trace; whatever fails leaves the others."""
    traces: list[Trace] = []
    refusals: list[str] = []
    for checkpoint in checkpoints:
        if not checkpoint.architecture.startswith(RUNNABLE):
            refusals.append(
                f"{checkpoint.label} ({checkpoint.architecture}) cannot be run here: only models "
                "of reference_model can. The code of another can write a trace; docs/traces.md "
                "says how."
            )
            continue
        try:
            traces.append(trace_once(checkpoint, prompt))
        except InspectError as error:
            refusals.append(f"{checkpoint.label}: {error}")
    for place in places:
        try:
            traces += [trace_file_once(place)] if is_trace(place) else []
        except InspectError as error:
            refusals.append(str(error))
    told = [(trace.source, trace.fingerprint, trace.about) for trace in traces]
    open_ = [(checkpoint.label, checkpoint.step) for checkpoint in checkpoints]
    key = sha256(repr((told, open_, prompt)).encode()).hexdigest()
    table = path_once(key, traces)
    shown = joined([table], checkpoints)
    labels = tuple(dict.fromkeys(table["checkpoint"]))
    return Paths(table=shown, key=key, labels=labels, refusals=tuple(refusals))


def of_one(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the rows of one path."""
    steps = table["step"]
    at = steps.isna() if path.step is None else (steps == path.step).fillna(False).astype(bool)
    return table[(table["checkpoint"] == path.label) & at]


def tokens_in(table: pd.DataFrame) -> dict[int, str]:
    """Return the text of each token by its position; of the first trace that has one there."""
    first = table[(table["row"] == "state") & (table["state"] == 0)].drop_duplicates("token")
    return {int(token): text for token, text in zip(first["token"], first["text"], strict=True)}


def one_token(table: pd.DataFrame, token: int) -> pd.DataFrame:
    """Return the states of one token of one trace, a row a state, for people."""
    rows = table[(table["row"] == "state") & (table["token"] == token)]
    wanted = ["top_text", "top_probability", "next_probability", "angle_moved"]
    wanted += ["angle_to_suggestion", "share_of_way", "angle_to_final", "angle_to_next"]
    return rows[wanted].assign(after=_after(rows))[["after", *wanted]]


def every_token(table: pd.DataFrame) -> pd.DataFrame:
    """Return the tokens of one trace, a row a token, with what is predicted after each block."""
    rows = table[table["row"] == "state"]
    rows = rows.assign(after=_after(rows))
    wide = rows.pivot(index="token", columns="after", values="top_text")
    wide = wide[list(dict.fromkeys(rows["after"]))]
    last = rows.drop_duplicates("token", keep="last").set_index("token")
    about = last[["text", "next_text", "next_probability", "angle_to_next"]]
    return about.join(wide).reset_index()


def _after(rows: pd.DataFrame) -> list[str]:
    """Name each state by the block passed last."""
    return [
        BLOCKS[block] if block == "embedding" else f"{int(layer)} {BLOCKS[block]}"
        for layer, block in zip(rows["layer"], rows["block"], strict=True)
    ]
