"""Every measure of every checkpoint that other people's code wrote, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

import ngpt_inspect as ni

WEIGHTS = Path(__file__).parents[4] / "shared" / "data" / "weights"
PLACES = sorted(WEIGHTS.iterdir()) if WEIGHTS.is_dir() else []

pytestmark = pytest.mark.skipif(not PLACES, reason="the shared public checkpoints are not at hand")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_measure_runs(place: Path) -> None:
    checkpoint = ni.open_checkpoint(place)
    assert checkpoint.unrecognised == ()
    table = ni.measure(checkpoint, list(ni.MEASURES))
    values = table[table["status"] != "skipped"]
    assert values["value"].notna().all()
    reasons = table.loc[table["status"] != "ok", "reason"]
    assert reasons.str.len().gt(0).all(), "what has no value says why"
    roles = set(checkpoint.roles)
    assert set(values["role"].dropna()) == set(map(str, roles)) - {"E_position"}
    for name, each in ni.MEASURES.items():
        assert values["measure"].isin(each.quantities).any() == bool(roles & set(each.roles)), name
