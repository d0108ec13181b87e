"""Every tensor of a checkpoint with its role, shape and dtype, from headers alone."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

from ngpt_inspect.architectures import ARCHITECTURES, BIAS, as_spec, suggested
from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import UnknownArchitecture, WrongOption
from ngpt_inspect.formats import read_contents
from ngpt_inspect.tables.tensor_rows import row_of, tensor_rows
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import number


def list_tensors(
    source: str | PathLike[str], **settings: Any
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return one row a tensor and role, and what else to know: constants, notes, or troubles.

    A fused tensor has one row for each of its roles. Settings are those of `open_checkpoint`.

    Raises
    ------
    UnreadableFile
        The file cannot be read. An unknown layout is no error here: its names are what
        somebody wants to see.
    """
    try:
        model = open_checkpoint(source, **settings)
    except UnknownArchitecture as error:
        contents = read_contents(source, settings.get("part"))
        label = Path(contents.source).stem
        rows = [row_of(label, tensor) for tensor in contents.tensors.values()]
        return rows, [str(error)]
    return tensor_rows(model), _remarks(model)


def _remarks(model: WeightSet) -> list[str]:
    """Say which layout was recognised, and which constants stand behind effective values."""
    n_left = len(model.unrecognised)
    left = f", {n_left} tensors not recognised" if n_left else ", every tensor recognised"
    return [
        f"{model.label}: {model.architecture} ({model.family}){left}",
        *(f"{model.label}: {c.name} = {number(c.value)} ({c.origin})" for c in model.constants),
        *(f"{model.label}: {note}" for note in (*model.notes, model.unasked) if note),
    ]


def suggest(sources: list[str], heads: int | None, part: str | None) -> tuple[str, list[str]]:
    """Return a draft of a declaration as JSON, and what to know of it.

    Raises
    ------
    WrongOption
        More than one checkpoint is named: each layout has a declaration of its own.
    UnreadableFile
        The file cannot be read.
    """
    if len(sources) != 1:
        raise WrongOption(
            f"{len(sources)} checkpoints", where="--suggest-spec", next_step="name one"
        )
    contents = read_contents(sources[0], part)
    draft = suggested(contents, ARCHITECTURES, heads)
    spec = as_spec(draft)
    remarks = [f"{name}: {why}" for name, why in draft.ignored.items() if why != BIAS]
    remarks += draft.notes
    try:
        model = open_checkpoint(sources[0], spec=spec, heads=heads, part=part)
    except (UnknownArchitecture, WrongOption) as error:
        remarks.append(f"not usable yet: {error}")
    else:
        remarks.append(f"places {len(model.weights)} weights; check each role before use")
    return json.dumps(spec, indent=2), remarks
