"""Which axis is unit, within what the stored dtype allows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from measures_helpers import rows_of
from models import OFF_SPHERE, TRANSPOSED, Tiny, tiny_ngpt, write_nvidia, write_reference

import ngpt_inspect as ni

EPS = {torch.float32: 0.0, torch.float64: 0.0, torch.float16: 2.0**-10, torch.bfloat16: 2.0**-7}
"""Of the stored dtype; rounding to those of 0 is nothing beside the 1e-5 of normalising."""


def deviations(model: Tiny, role: str, layer: int | None) -> tuple[float, float]:
    """Return max | |v| - 1 | over rows and over columns."""
    matrix = model.arrays[role, layer]
    rows, columns = (np.linalg.norm(matrix, axis=axis) for axis in (1, 0))
    return float(np.abs(rows - 1).max()), float(np.abs(columns - 1).max())


def off_sphere(table: pd.DataFrame) -> set[tuple[str, int | None]]:
    """Return the matrices that the measure calls off the sphere."""
    rows = rows_of(table, measure="unit_norm", value=0)
    return {(row.role, None if pd.isna(row.layer) else row.layer) for row in rows.itertuples()}


def expected_off(model: Tiny, tolerance: float) -> set[tuple[str, int | None]]:
    """Return those whose vectors of length d_model are further from 1, by NumPy."""
    matrices = [key for key in model.arrays if key[0].startswith(("E_", "W_"))]
    return {key for key in matrices if deviations(model, *key)[key[0] in TRANSPOSED] > tolerance}


@pytest.mark.parametrize("dtype", EPS)
def test_tolerance_follows_the_stored_dtype(dtype: torch.dtype, tmp_path: Path) -> None:
    path = write_reference(tiny_ngpt(), tmp_path / "x.safetensors", dtype=dtype)
    table = ni.measure(path, "unit_norm")
    found = table.loc[table["measure"] == "tolerance", "value"]
    worst = EPS[dtype] / 2 / (1 - EPS[dtype] / 2)
    assert found.between(1e-5 + worst / 4, 1e-5 + worst).all()
    model = tiny_ngpt().rounded(dtype)
    assert off_sphere(table) == expected_off(model, worst + 1e-5) == {OFF_SPHERE}


def test_deviations_and_the_axis_are_named(tmp_path: Path) -> None:
    model = tiny_ngpt()
    table = ni.measure(write_reference(model, tmp_path / "x.safetensors"), "unit_norm")
    for (role, layer), rows in table.groupby(["role", "layer"], dropna=False):
        key = (role, None if pd.isna(layer) else layer)
        by_name = rows.set_index("measure")["value"]
        off_rows, off_columns = deviations(model, *key)
        assert by_name["row_deviation"] == pytest.approx(off_rows, rel=1e-9, abs=1e-12)
        assert by_name["column_deviation"] == pytest.approx(off_columns, rel=1e-9, abs=1e-12)
        own = off_columns if role in TRANSPOSED else off_rows
        assert by_name["unit_deviation"] == pytest.approx(own, rel=1e-9, abs=1e-12)
        axis = "neither rows nor columns" if key == OFF_SPHERE else "rows"
        axis = "columns" if role in TRANSPOSED else axis
        reasons = set(rows.loc[rows["measure"].isin(["unit_norm", "unit_deviation"]), "reason"])
        assert len(reasons) == 1
        first, _, rest = reasons.pop().partition("; ")
        assert first == f"unit: {axis}"
        assert rest == ("16 of 16 rows are not" if key == OFF_SPHERE else "")
    off = rows_of(table, role="W_v", layer=1, measure="unit_deviation")
    assert off["value"].item() == pytest.approx(0.25, rel=1e-6)


@pytest.mark.parametrize(
    ("role", "matrix", "on_it", "reason"),
    [
        ("W_q", np.eye(16), 1, "unit: rows and columns"),
        # W_o normalised by rows, as some reproductions do: unit, but not where nGPT needs it.
        ("W_o", tiny_ngpt().arrays["W_q", 0], 0, "unit: rows; 16 of 16 columns are not"),
    ],
)
def test_both_axes_are_looked_at_and_the_wrong_one_does_not_pass(
    role: str, matrix: np.ndarray, on_it: int, reason: str, tmp_path: Path
) -> None:
    model = tiny_ngpt().changed(**{f"{role}_0": matrix})
    path = write_reference(model, tmp_path / "x.safetensors")
    table = ni.measure(path, "unit_norm", roles=[role], layers=[0])
    (row,) = rows_of(table, measure="unit_norm").itertuples()
    assert (row.value, row.reason) == (on_it, reason)


def test_each_tensor_has_the_tolerance_of_its_own_dtype(tmp_path: Path) -> None:
    table = ni.measure(write_nvidia(tiny_ngpt(), tmp_path / "ckpt.pt"), "unit_norm")
    by_role = table[table["measure"] == "tolerance"].groupby("role")["value"].unique()
    assert by_role["E_input"].tolist() == [1e-5]
    assert (by_role["W_q"] > 1e-4).all(), "bfloat16"
    assert ("E_input", None) not in off_sphere(table)
