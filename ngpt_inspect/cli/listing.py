"""Every tensor of a checkpoint with its role, shape and dtype, from headers alone."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from ngpt_inspect.architectures import ARCHITECTURES, BIAS, as_spec, suggested
from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import UnknownArchitecture, WrongOption
from ngpt_inspect.formats import read_contents
from ngpt_inspect.weights import Weight, WeightSet
from ngpt_inspect.wording import number

COLUMNS = ("checkpoint", "tensor", "role", "layer", "expert", "shape", "dtype", "bytes", "note")


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
        rows = [_row(label, tensor) for tensor in contents.tensors.values()]
        return rows, [str(error)]
    return _rows(model), _remarks(model)


def _remarks(model: WeightSet) -> list[str]:
    """Say which layout was recognised, and which constants stand behind effective values."""
    n_left = len(model.unrecognised)
    left = f", {n_left} tensors not recognised" if n_left else ", every tensor recognised"
    return [
        f"{model.label}: {model.architecture} ({model.family}){left}",
        *(f"{model.label}: {c.name} = {number(c.value)} ({c.origin})" for c in model.constants),
        *(f"{model.label}: {note}" for note in (*model.notes, model.unasked) if note),
    ]


def _rows(model: WeightSet) -> list[dict[str, Any]]:
    placed: dict[str, list[dict[str, Any]]] = {}
    for weight in model.weights:
        row = _row(model.label, weight.tensor)
        row |= {"role": weight.role, "layer": weight.layer, "expert": weight.expert}
        row["note"] = "; ".join(filter(None, (_taken(weight), row["note"])))
        placed.setdefault(weight.tensor.name, []).append(row)
    rows = []
    for tensor in model.contents.tensors.values():
        here = placed.get(tensor.name)
        note = model.ignored.get(tensor.name, "not recognised")
        if here is None and any(tensor.location == w.tensor.location for w in model.weights):
            note = "tied"
        note = "; ".join(filter(None, (note, tensor.note)))
        rows += here or [_row(model.label, tensor) | {"note": note}]
    return rows


def _taken(weight: Weight) -> str:
    """Say which part of its tensor a weight is, and what the model does to it first."""
    said = [] if weight.place is None else [f"number {weight.place} of {weight.tensor.shape[0]}"]
    if weight.part is not None:
        said.append(f"rows {weight.part}")
    if weight.normalised is not None:
        said.append(f"{weight.normalised} normalised at read")
    return ", ".join(said)


def _row(label: str, tensor: Any) -> dict[str, Any]:
    return {
        "checkpoint": label,
        "tensor": tensor.name,
        "role": None,
        "layer": None,
        "expert": None,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "bytes": tensor.n_bytes,
        "note": tensor.note,
    }


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
