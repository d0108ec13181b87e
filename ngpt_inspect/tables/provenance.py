"""What a table says of where its numbers come from: enough to make it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ngpt_inspect.measures import Measure
from ngpt_inspect.tables.rows import rows_of
from ngpt_inspect.version import __version__
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import WeightSet

if TYPE_CHECKING:
    import pandas as pd


def provenance(
    table: pd.DataFrame,
    checkpoints: list[WeightSet],
    measures: list[Measure],
    settings: Mapping[str, Any],
) -> dict[Any, Any]:
    """Return `table.attrs`: tool, settings and the facts of each checkpoint, JSON-ready."""
    return {
        "tool": f"ngpt-inspect {__version__}",
        "measures": [each.name for each in measures],
        "settings": dict(settings),
        "checkpoints": [_facts(checkpoint, table) for checkpoint in checkpoints],
    }


def _facts(checkpoint: WeightSet, table: pd.DataFrame) -> dict[str, Any]:
    return {
        "label": checkpoint.label,
        "step": checkpoint.step,
        "tokens": checkpoint.contents.lookup("reference_model.tokens"),
        "source": checkpoint.contents.source,
        "fingerprint": checkpoint.contents.fingerprint,
        "architecture": checkpoint.architecture,
        "family": checkpoint.family,
        "shape": asdict(checkpoint.shape),
        "parameters": checkpoint.n_parameters,
        "storage": list(checkpoint.dtypes),
        "constants": [asdict(constant) for constant in checkpoint.constants],
        "unrecognised": list(checkpoint.unrecognised),
        "notes": list(checkpoint.notes),
        "coverage": _coverage(checkpoint, table),
    }


def _coverage(checkpoint: WeightSet, table: pd.DataFrame) -> dict[str, Any]:
    """Count weights with at least one number, and those without by reason."""
    place = ["layer", "role", "expert", "tensor"]
    mine = rows_of(table, checkpoint)[[*place, "status", "reason"]]
    present = mine["tensor"].notna()
    absent = mine[~present].drop_duplicates(["role", "reason"])
    rows = mine[present]
    measured = rows.loc[rows["status"] != Status.SKIPPED, place].drop_duplicates()
    everything = rows[place].drop_duplicates()
    skips = rows[rows["status"] == Status.SKIPPED]
    return {
        "weights": len(everything),
        "measured": len(measured),
        "skipped": dict(Counter(skips["reason"].tolist())),
        "absent": dict(zip(absent["role"].tolist(), absent["reason"].tolist(), strict=True)),
    }
