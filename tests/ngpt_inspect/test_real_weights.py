"""Real checkpoints, where they lie beside the repository: opened, placed, and measured in full."""

from __future__ import annotations

from pathlib import Path

import pytest

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.vocabulary import Status

WEIGHTS = Path(__file__).parents[3] / "shared" / "data" / "weights"
FOUND = sorted(WEIGHTS.iterdir()) if WEIGHTS.is_dir() else []


@pytest.mark.skipif(not FOUND, reason="nothing at <repository>/../shared/data/weights")
@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_every_tensor_is_placed_and_every_measure_runs(path: Path) -> None:
    checkpoint = ni.open_checkpoint(path)
    assert checkpoint.weights
    assert checkpoint.unrecognised == ()
    for name in MEASURES:
        table = ni.measure(checkpoint, name)
        measured = table[table["status"] != Status.SKIPPED]
        has = set(MEASURES[name].roles) & set(checkpoint.roles)
        assert bool(len(measured)) == bool(has), name
        assert measured["value"].notna().all()
        assert table.loc[table["status"] == Status.SKIPPED, "reason"].str.len().gt(0).all()
