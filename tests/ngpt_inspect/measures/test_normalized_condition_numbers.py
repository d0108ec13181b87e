"""Condition numbers after normalising, against NumPy on matrices cut and normalised here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from measures_helpers import rows_of
from models import ATTENTION, MLP, TRANSPOSED, Tiny, tiny_gpt, tiny_ngpt, write_reference
from tolerances import rounding, singular

import ngpt_inspect as ni
from ngpt_inspect.vocabulary import Status

NAME = "normalized_condition_number"


def unit(matrix: np.ndarray, role: str) -> np.ndarray:
    """Give the vectors of length d_model length 1: columns of what writes to the hidden state."""
    norm = np.linalg.norm(matrix, axis=0 if role in TRANSPOSED else 1, keepdims=True)
    return matrix / np.where(norm == 0, 1, norm)


def kappas(model: Tiny, role: str, layer: int) -> dict[int | None, float]:
    whole = unit(model.arrays[role, layer], role)
    blocks = {None: whole}
    if role in ATTENTION:
        blocks |= dict(enumerate(model.changed(**{f"{role}_{layer}": whole}).heads(role, layer)))
    return {head: float(np.linalg.cond(block)) for head, block in blocks.items()}


def measured(path: Path, **chosen: object) -> pd.DataFrame:
    return rows_of(ni.measure(path, "normalized_condition_numbers", **chosen), measure=NAME)


@pytest.fixture(scope="module")
def stretched() -> Tiny:
    """A GPT whose vectors differ in length by up to a hundred."""
    rng, model = np.random.default_rng(3), tiny_gpt()
    changes = {}
    for role in (*ATTENTION, *MLP):
        matrix = model.arrays[role, 1]
        n = matrix.shape[1 if role in TRANSPOSED else 0]
        lengths = 10 ** rng.uniform(-1, 1, n)
        changes[f"{role}_1"] = matrix * (lengths if role in TRANSPOSED else lengths[:, None])
    return model.changed(**changes)


@pytest.mark.parametrize("role", [*ATTENTION, *MLP])
def test_every_head_and_the_whole(role: str, stretched: Tiny, tmp_path: Path) -> None:
    path = write_reference(stretched, tmp_path / "x.safetensors", dtype=torch.float64)
    rows = measured(path, roles=[role], layers=[1])
    found = {
        None if pd.isna(head) else int(head): value
        for head, value in zip(rows["head"], rows["value"], strict=True)
    }
    expected = kappas(stretched, role, 1)
    assert found == pytest.approx(expected, rel=singular(16, max(expected.values())))
    plain = ni.measure(path, "condition_numbers", roles=[role], layers=[1])
    whole = rows_of(plain, measure="condition_number", head=None)
    assert whole["value"].item() != pytest.approx(found[None], rel=1e-3), "it was not unit before"


def test_of_unit_matrices_nothing_changes(tmp_path: Path) -> None:
    path = write_reference(tiny_ngpt(), tmp_path / "x.safetensors", dtype=torch.float64)
    plain = ni.measure(path, "condition_numbers", roles=["W_q", "W_o", "W_u"], layers=[0])
    before = rows_of(plain, measure="condition_number")["value"].to_numpy()
    after = measured(path, roles=["W_q", "W_o", "W_u"], layers=[0])["value"].to_numpy()
    slack = rounding(16, max(before), torch.float32)
    assert after == pytest.approx(before, rel=slack), "its vectors are unit to float32 rounding"


def test_a_vector_of_zeros_stays_and_is_told_of(tmp_path: Path) -> None:
    model = tiny_gpt()
    up = model.arrays["W_u", 0].copy()
    up[5] = 0.0  # one of 24 rows of a tall matrix: rank is not lost
    path = write_reference(model.changed(W_u_0=up), tmp_path / "x.safetensors", dtype=torch.float64)
    (row,) = measured(path, roles=["W_u"], layers=[0]).itertuples()
    assert row.status == Status.OK
    assert row.reason == "1 of 24 rows are zero and stay zero"
    kappa = np.linalg.cond(unit(up, "W_u"))
    assert row.value == pytest.approx(kappa, rel=singular(16, kappa))
