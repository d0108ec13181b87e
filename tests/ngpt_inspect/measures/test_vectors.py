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
    tiny_gpt,
    tiny_ngpt,
    write_nvidia,
    write_reference,
)
from tolerances import rounding

import ngpt_inspect as ni


def column(table: pd.DataFrame, role: str, layer: int | None = None) -> np.ndarray:
    rows = rows_of(table, role=role, layer=layer)
    assert rows["index"].tolist() == list(range(len(rows)))
    return rows["value"].to_numpy()


@pytest.mark.parametrize("role", ["alpha_A", "alpha_M"])
def test_a_stored_minus_sign_does_not_count(role: str, tmp_path: Path) -> None:
    model = tiny_ngpt()
    for path in (
        write_nvidia(model, tmp_path / "ckpt.pt"),
        write_reference(model, tmp_path / "x.safetensors"),
    ):
        table = ni.measure(path, "eigen_learning_rates")
        for layer in (0, 1):
            stored = model.arrays[role, layer]
            assert (stored < 0).sum() == 6
            expected = np.abs(stored * 0.05 / BASE_SCALE)
            np.testing.assert_allclose(column(table, role, layer), expected, rtol=rounding())


def test_alpha_init_given_scales_alpha_alone(tmp_path: Path) -> None:
    path = write_nvidia(tiny_ngpt(), tmp_path / "ckpt.pt")
    doubled = ni.open_checkpoint(path, constants={"alpha_init": 0.1})
    one, two = (ni.measure(c, "eigen_learning_rates")["value"] for c in (path, doubled))
    np.testing.assert_allclose(two, 2 * one, rtol=rounding())
    one, two = (ni.measure(c, "scaling_factors")["value"] for c in (path, doubled))
    assert one.tolist() == two.tolist()


def test_scaling_factors(tmp_path: Path) -> None:
    model = tiny_ngpt()
    table = ni.measure(write_reference(model, tmp_path / "x.safetensors"), "scaling_factors")
    for layer in (0, 1):
        for role in ("s_u", "s_nu"):
            np.testing.assert_array_equal(column(table, role, layer), model.arrays[role, layer])
    s_z = model.arrays["s_z", None] * (1 / BASE_SCALE)
    np.testing.assert_allclose(column(table, "s_z"), s_z, rtol=rounding())
    assert table["head"].notna().sum() == (table["role"] == "s_qk").sum()


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


def test_s_qk_can_be_absent(tmp_path: Path) -> None:
    def drop(tensors: Tensors) -> None:
        for layer in (0, 1):
            del tensors[f"layers.{layer}.attention.s_qk"]

    path = write_reference(tiny_ngpt(), tmp_path / "x.safetensors", change=drop)
    assert set(ni.measure(path, "scaling_factors")["role"]) == {"s_u", "s_nu", "s_z"}


def test_gains_of_a_gpt_are_as_stored(tmp_path: Path) -> None:
    model = tiny_gpt()
    path = write_reference(model, tmp_path / "x.safetensors")
    table = ni.measure(path, "scaling_factors", roles=["gain_A", "gain_final"])
    np.testing.assert_allclose(column(table, "gain_A", 1), model.arrays["gain_A", 1], rtol=2.0**-24)
    expected = model.arrays["gain_final", None].astype(np.float32).tolist()
    assert column(table, "gain_final").tolist() == expected


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
