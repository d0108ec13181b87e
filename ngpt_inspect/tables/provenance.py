"""What a table says of where its numbers come from: enough to make it again."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from ngpt_inspect.measures import Measure
from ngpt_inspect.tables.rows import Entry, column_in, entries_at
from ngpt_inspect.version import __version__
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import WeightSet


def provenance(
    entries: Iterable[Entry],
    checkpoints: list[WeightSet],
    measures: list[Measure],
    settings: Mapping[str, Any],
) -> dict[Any, Any]:
    """Return `table.attrs`: tool, settings and the facts of each checkpoint, JSON-ready."""
    return {
        "tool": f"ngpt-inspect {__version__}",
        "measures": [each.name for each in measures],
        "settings": dict(settings),
        "checkpoints": [_facts(checkpoint, entries) for checkpoint in checkpoints],
    }


def _facts(checkpoint: WeightSet, entries: Iterable[Entry]) -> dict[str, Any]:
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
        "coverage": _coverage(entries_at(entries, checkpoint.label, checkpoint.step)),
    }


def _coverage(entries: Iterable[Entry]) -> dict[str, Any]:
    """Count weights with at least one number, and those without by reason."""
    everything, measured = set(), set()
    skipped: Counter[str] = Counter()
    absent: dict[str, str] = {}
    for entry in entries:
        lost = column_in(entry, "status") == Status.SKIPPED
        if entry["tensor"] is None:
            absent[entry["role"]] = entry["reason"]
        elif len(lost):
            place = tuple(entry[name] for name in ("layer", "role", "expert", "tensor"))
            everything.add(place)
            if not lost.all():
                measured.add(place)
            skipped.update(column_in(entry, "reason")[lost].tolist())
    return {
        "weights": len(everything),
        "measured": len(measured),
        "skipped": dict(skipped),
        "absent": absent,
    }
