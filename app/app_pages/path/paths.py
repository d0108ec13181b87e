"""What the page of paths shows: open checkpoints run on a prompt, and traces that are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path as File
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar

from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.places import is_uri
from ngpt_inspect.tables import Progress
from ngpt_inspect.tokens import tokenizer_file
from ngpt_inspect.traces import Trace, is_trace, path, read_trace
from ngpt_inspect.version import __version__

from ...engine.answers import Asked, answer
from ...engine.loading import store, trace_file_once
from ...engine.palette import colors_of
from ...engine.stamps import Stamp, stamp_of, stamp_of_opened

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
        looks = zip(told, colors_of(told), strict=True)
        return [(path, color) for path, color in looks if len(of_one(self.table, path))]


@dataclass(frozen=True, kw_only=True, eq=False)
class PathRequest(Asked):
    """The paths of one prompt through all that is open."""

    unit: ClassVar[str] = "models"
    checkpoints: Sequence[WeightSet]
    traces: Sequence[str]
    """Paths of files."""
    prompt: str

    @cached_property
    def key(self) -> str:
        """Names the result: the models and their tokenizers, the files, the prompt."""
        models = [
            (each.label, each.step, each.contents.source, stamp_of_opened(each.contents))
            for each in self.checkpoints
        ]
        files = [(place, stamp_of(File(place))) for place in self.traces]
        tokenizers = [_stamp_of_tokenizer(each) for each in self.checkpoints]
        told = repr((__version__, models, tokenizers, files, self.prompt))
        return sha256(told.encode()).hexdigest()

    @property
    def title(self) -> str:
        """What is being done, for people."""
        return "Paths of the prompt"

    def work(self, progress: Progress) -> None:
        """Run what can be run, read what is a trace; whatever is refused leaves the others."""
        traces: list[Trace] = []
        refusals: list[str] = []
        for done, checkpoint in enumerate(self.checkpoints):
            progress(done, len(self.checkpoints))
            try:
                traces.append(traced(checkpoint, self.prompt))
            except InspectError as error:
                refusals.append(f"{checkpoint.label}: {error}")
        for place in self.traces:
            try:
                traces.append(trace_file_once(place))
            except InspectError as error:
                refusals.append(str(error))
        table = path(traces)
        table.attrs["refusals"] = refusals
        store().put(self.key, table)


def traced(checkpoint: WeightSet, prompt: str) -> Trace:
    """Run a checkpoint of `reference_model` on a prompt.

    Raises
    ------
    InspectError
        It cannot be run here, has no tokenizer beside it, or the prompt does not suit it.
    """
    if not checkpoint.architecture.startswith(RUNNABLE):
        raise WrongOption(
            f"{checkpoint.architecture} cannot be run here, only models of reference_model can",
            next_step="the code of another model can write a trace; docs/traces.md says how",
        )
    if is_uri(checkpoint.contents.source):
        raise WrongOption("is not on this machine", next_step="download its folder to run it")
    from reference_model.errors import UsageError  # torch is imported here
    from reference_model.trace import write_trace

    source = checkpoint.contents.source
    with TemporaryDirectory(prefix="ngpt-inspect-") as folder:
        try:
            file = write_trace(File(source), prompt, File(folder) / "trace.safetensors")
        except UsageError as error:
            raise WrongOption(str(error)) from error
        trace = read_trace(file)
    return replace(trace, source=source, about=replace(trace.about, checkpoint=checkpoint.label))


def find(checkpoints: Sequence[WeightSet], places: Sequence[str], prompt: str) -> Paths | None:
    """Return the paths through checkpoints and of trace files, or None: they are on their way."""
    files = [place for place in places if is_trace(place)]
    asked = [PathRequest(checkpoints=checkpoints, traces=files, prompt=prompt)]
    found = answer(asked, checkpoints)
    if found is None:
        return None
    table = found.table
    labels = tuple(dict.fromkeys(table["checkpoint"]))
    refusals = tuple(table.attrs.get("refusals", ()))
    return Paths(table=table, key=found.key, labels=labels, refusals=refusals)


def _stamp_of_tokenizer(checkpoint: WeightSet) -> Stamp:
    file = tokenizer_file(checkpoint.contents.source)
    return () if file is None else stamp_of(file)


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
