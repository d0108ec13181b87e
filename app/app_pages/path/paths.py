"""What the page of paths shows: open checkpoints run on a prompt, and traces that are open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path as File
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.places import is_uri
from ngpt_inspect.tables import Progress
from ngpt_inspect.tables.rows import rows_at
from ngpt_inspect.tokens import tokenizer_file
from ngpt_inspect.traces import COLUMNS, Trace, is_trace, path, read_trace
from ngpt_inspect.version import __version__

from ...engine.answers import answer
from ...engine.loading import made_trace_once, trace_file_once
from ...engine.palette import colors_of
from ...engine.questions import Asked
from ...engine.stamps import check_unchanged, stamp_of, stamp_of_opened

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.stored import Stamp
    from ngpt_inspect.weights import WeightSet

OURS = "reference_"
"""How the layouts begin of the models of reference_model."""
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

    checkpoints: Sequence[WeightSet]
    traces: Sequence[str]
    """Paths of files."""
    prompt: str
    held_back: Collection[str] = ()
    """Labels of models that transformers could run, and nobody has said that it should."""

    @cached_property
    def key(self) -> str:
        """Names the result: the models and their tokenizers, the files, the prompt."""
        models = [
            (each.label, each.step, each.contents.source, stamp_of_opened(each.contents))
            for each in self.checkpoints
        ]
        files = [(place, stamp_of(File(place))) for place in self.traces]
        tokenizers = [_stamp_of_tokenizer(each) for each in self.checkpoints]
        held_back = sorted(self.held_back)
        told = repr((__version__, COLUMNS, models, tokenizers, files, self.prompt, held_back))
        return sha256(told.encode()).hexdigest()

    @property
    def title(self) -> str:
        """What is being done, for people."""
        return "Paths of the prompt"

    @property
    def read(self) -> Sequence[WeightSet]:
        """What may be run; nothing at an address is."""
        mine = (each for each in self.checkpoints if not is_uri(each.contents.source))
        return [each for each in mine if each.label not in self.held_back]

    def make(self, progress: Progress) -> dict[str, pd.DataFrame]:
        """Run what can be run, read what is a trace; whatever is refused leaves the others."""
        traces: list[Trace] = []
        refusals: list[str] = []
        running = [each for each in self.checkpoints if each.label not in self.held_back]
        for done, checkpoint in enumerate(running):

            def within(layers: float, of: float, done: int = done) -> None:
                progress(done + layers / of, len(running))

            progress(done, len(running))
            try:
                traces.append(traced(checkpoint, self.prompt, within))
            except InspectError as error:
                refusals.append(f"{checkpoint.label}: {error}")
        for place in self.traces:
            try:
                traces.append(trace_file_once(place))
            except InspectError as error:
                refusals.append(str(error))
        table = path(traces)
        table.attrs["refusals"] = refusals
        return {self.key: table}


def hub_folder(checkpoint: WeightSet) -> File | None:
    """Return the folder that transformers can open, where a checkpoint lies in one."""
    if checkpoint.architecture.startswith(OURS) or is_uri(checkpoint.contents.source):
        return None
    place = File(checkpoint.contents.source)
    folder = place if place.is_dir() else place.parent
    return folder if (folder / "config.json").is_file() else None


def traced(checkpoint: WeightSet, prompt: str, progress: Progress) -> Trace:
    """Run a checkpoint of `reference_model`, or of transformers, on a prompt, once.

    Raises
    ------
    InspectError
        It cannot be run here, has no tokenizer beside it, or the prompt does not suit it.
    """
    if is_uri(checkpoint.contents.source):
        raise WrongOption("is not on this machine", next_step="download its folder to run it")
    source = checkpoint.contents.source
    if checkpoint.architecture.startswith(OURS):
        write = _by_its_own_code
    elif hub_folder(checkpoint) is not None:
        write = _by_transformers
    else:
        raise WrongOption(
            f"{checkpoint.architecture} lies in no folder of save_pretrained, so it cannot be run",
            next_step="open such a folder; or let its own code write a trace (docs/traces.md)",
        )

    def made() -> Trace:
        with TemporaryDirectory(prefix="ngpt-inspect-") as folder:
            file = File(folder) / "trace.safetensors"
            write(checkpoint, prompt, file, progress)
            check_unchanged(checkpoint.contents)
            return read_trace(file)

    stamps = stamp_of_opened(checkpoint.contents), _stamp_of_tokenizer(checkpoint)
    trace = made_trace_once((source, *stamps, prompt), made)
    return replace(trace, source=source, about=replace(trace.about, checkpoint=checkpoint.label))


def _by_its_own_code(checkpoint: WeightSet, prompt: str, file: File, progress: Progress) -> None:
    from reference_model.errors import UsageError  # torch is imported here
    from reference_model.trace import write_trace

    try:
        write_trace(File(checkpoint.contents.source), prompt, file)
    except UsageError as error:
        raise WrongOption(str(error)) from error


def _by_transformers(checkpoint: WeightSet, prompt: str, file: File, progress: Progress) -> None:
    from ngpt_inspect.tracing import trace_model

    trace_model(hub_folder(checkpoint), prompt, file, progress=progress)


def find(
    checkpoints: Sequence[WeightSet],
    places: Sequence[str],
    prompt: str,
    held_back: Collection[str] = (),
) -> Paths | None:
    """Return the paths through checkpoints and of trace files, or None: they are on their way."""
    files = [place for place in places if is_trace(place)]
    asked = [PathRequest(checkpoints=checkpoints, traces=files, prompt=prompt, held_back=held_back)]
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
    return rows_at(table, path.label, path.step)


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


def massive(table: pd.DataFrame) -> pd.DataFrame:
    """Return the coordinates of one path that are the largest of a state, most often first.

    A row a coordinate: of how many states (of all tokens) it is the largest, over the median one
    at most by which factor, and where that is.
    """
    rows = table[(table["row"] == "state") & table["largest_over_median"].notna()]
    rows = rows.assign(where=_after(rows)).sort_values("largest_over_median", ascending=False)
    by_channel = rows.groupby("largest_channel", sort=False)
    found = by_channel.first()[["largest_over_median", "where", "text"]]
    found.insert(0, "share", by_channel.size() / max(1, len(rows)))
    return found.sort_values("share", ascending=False, kind="stable").reset_index()
