"""Every tensor of a checkpoint, a row each: from headers alone, and what its values are like."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import InspectError
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import one_core_each
from ngpt_inspect.stored import StoredTensor
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import Weight, WeightSet

if TYPE_CHECKING:
    from ngpt_inspect.tables import Progress

COLUMNS = ("checkpoint", "tensor", "role", "layer", "expert", "shape", "dtype", "bytes", "note")
ROWS = 2**20
"""Values of a tensor that are in memory as float64 at once, about."""
SAMPLE = 200_000
"""Values a histogram is of, evenly spread, where a tensor has more."""
BINS = 80
WIDEST = 1024
"""Singular values are computed here up to this smaller side."""


def tensor_rows(model: WeightSet) -> list[dict[str, Any]]:
    """Return one row a tensor and role, in the order of the file: `COLUMNS`.

    A fused tensor has one row for each of its roles.
    """
    placed: dict[str, list[dict[str, Any]]] = {}
    for weight in model.weights:
        row = row_of(model.label, weight.tensor)
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
        rows += here or [row_of(model.label, tensor) | {"note": note}]
    return rows


def _taken(weight: Weight) -> str:
    """Say which part of its tensor a weight is, and what the model does to it first."""
    said = [] if weight.place is None else [f"number {weight.place} of {weight.tensor.shape[0]}"]
    if weight.part is not None:
        said.append(f"rows {weight.part}")
    if weight.normalised is not None:
        said.append(f"{weight.normalised} normalised at read")
    return ", ".join(said)


def row_of(label: str, tensor: StoredTensor) -> dict[str, Any]:
    """Return the row of a tensor as its header tells it, without a role."""
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


def tensor_norms(model: WeightSet, progress: Progress | None = None) -> pd.DataFrame:
    """Return the Frobenius norm of every tensor as stored: ``tensor, norm, status, reason``.

    ‖T‖ = sqrt(Σ t²), in float64 of the exact stored values. What cannot be read as numbers is
    skipped and says why.
    """
    tensors = list(model.contents.tensors.values())
    rows = []
    for done, tensor in enumerate(tensors):
        if progress:
            progress(done, len(tensors))
        try:
            norm, reason = _norm(tensor), ""
        except InspectError as error:
            norm, reason = math.nan, str(error)
        if not reason and not math.isfinite(norm):
            reason = "holds NaN or Inf"
        status = Status.SKIPPED if math.isnan(norm) else Status.OK
        rows.append((tensor.name, norm, str(status), reason))
    return pd.DataFrame(rows, columns=["tensor", "norm", "status", "reason"])


def _norm(tensor: StoredTensor) -> float:
    if tensor.obstacle:
        raise InspectError(tensor.obstacle)
    if not tensor.shape or not tensor.n_values:
        return float(tensor.read().double().norm()) if tensor.n_values else 0.0
    each = max(1, ROWS * tensor.shape[0] // tensor.n_values)
    starts = range(0, tensor.shape[0], each)
    parts = (tensor.read(at, min(at + each, tensor.shape[0])).double().norm() for at in starts)
    return math.hypot(*map(float, parts))


def tensor_values(tensor: StoredTensor) -> pd.DataFrame:
    """Return a histogram of a tensor's values as stored, and its singular values.

    Columns ``kind, x, y, of``: ``bin`` (left edge, count, how many values were counted),
    ``width`` (of a bin), ``singular`` (rank from 1, σ, the smaller side). Beyond `SAMPLE` values
    every so manyth is counted; singular values are those of matrices whose smaller side is at
    most `WIDEST`.

    Raises
    ------
    InspectError
        Its values cannot be read as numbers.
    """
    if tensor.obstacle:
        raise InspectError(tensor.obstacle, where=tensor.name)
    values = tensor.read().double()
    flat = values.flatten()[:: max(1, tensor.n_values // SAMPLE)]
    flat = flat[torch.isfinite(flat)]
    rows: list[tuple[str, float, float, int]] = []
    if len(flat):
        low, high = float(flat.min()), float(flat.max())
        counts = torch.histc(flat, BINS, low, high) if high > low else torch.tensor([len(flat)])
        width = (high - low) / BINS
        rows += [("bin", low + n * width, float(c), len(flat)) for n, c in enumerate(counts)]
        rows.append(("width", width, math.nan, len(flat)))
    if values.ndim == 2 and 0 < min(values.shape) <= WIDEST and bool(values.isfinite().all()):
        found = one_core_each(torch.linalg.svdvals, values)
        rows += [("singular", n, float(s), len(found)) for n, s in enumerate(found, 1)]
    return pd.DataFrame(rows, columns=["kind", "x", "y", "of"])
