"""Eigen learning rates and scaling factors as the model uses them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from measures_helpers import rows_of
from models import (
    BASE_SCALE,
    Tensors,
    reference_config,
    tensor,
    tiny_ngpt,
    write_reference,
)
from tolerances import rounding

import ngpt_inspect as ni


def column(table: pd.DataFrame, role: str, layer: int | None = None) -> np.ndarray:
    rows = rows_of(table, role=role, layer=layer)
    assert rows["index"].tolist() == list(range(len(rows)))
    return rows["value"].to_numpy()


@pytest.mark.parametrize("layout", ["reference_ngpt", "nvidia_ngpt"])
def test_s_qk_by_head_and_coordinate(layout: str, layouts: dict[str, Path]) -> None:
    table = ni.measure(layouts[layout], "scaling_factors", roles=["s_qk"], layers=[1])
    found = table.set_index(["head", "index"])["value"]
    expected = tiny_ngpt().arrays["s_qk", 1] / BASE_SCALE
    assert found.index.tolist() == [(head, k) for head in range(4) for k in range(4)]
    np.testing.assert_allclose(found.to_numpy().reshape(4, 4), expected, rtol=rounding())


def test_a_scalar_or_fixed_scaling_is_one_value(tmp_path: Path) -> None:
    """Table 5 of the paper: one learned number, or a fixed one, is stored with shape [1]."""
    model = tiny_ngpt()
    config = reference_config(model) | {"s_qk_granularity": "fixed", "alpha_granularity": "scalar"}

    def single(tensors: Tensors) -> None:
        for name in tensors:
            if name.rpartition(".")[2] in ("alpha_A", "alpha_M", "s_qk", "s_u", "s_nu", "s_z"):
                tensors[name] = tensor(np.array([-2 * BASE_SCALE]), tensors[name].dtype)

    path = write_reference(model, tmp_path / "x.safetensors", config=config, change=single)
    rates = ni.measure(path, "eigen_learning_rates")
    assert rates["value"].tolist() == pytest.approx([0.1] * 4, rel=rounding())
    factors = ni.measure(path, "scaling_factors")
    by_role = factors.groupby("role")["value"].apply(list).to_dict()
    twice = {"s_qk": [-2.0] * 2, "s_u": [-0.25] * 2, "s_nu": [-0.25] * 2}
    assert by_role == twice | {"s_z": [-2.0]}
    assert factors["head"].isna().all()
    summarised = ni.summarise(rates)
    assert not summarised["measure"].str.contains("density").any(), "one value has no density"


def test_paper_values_at_initialisation(tmp_path: Path) -> None:
    """Section 2.6: stored 1/sqrt(d), effective alpha 0.05 and s_qk, s_z 1, whatever d is."""
    scale = 16**-0.5
    model = replace(tiny_ngpt(), constants={})

    def reset(tensors: Tensors) -> None:
        for name, values in tensors.items():
            kind = name.rpartition(".")[2]
            if kind in ("s_u", "s_nu"):
                values.fill_(1)
            elif kind.startswith(("alpha", "s_")):
                values.fill_(scale)

    path = write_reference(model, tmp_path / "x.safetensors", change=reset)
    table = ni.measure(path, ["eigen_learning_rates", "scaling_factors"])
    expected = np.where(table["measure"] == "eigen_learning_rate", 0.05, 1.0)
    np.testing.assert_allclose(table["value"], expected, rtol=rounding())
    constants = table.attrs["checkpoints"][0]["constants"]
    assert all(constant["origin"].startswith("assumed") for constant in constants)
