"""The same numbers from the command line, from Python, and from ten lines of NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import Result
from models import series_of
from safetensors import safe_open
from safetensors.numpy import load_file

import ngpt_inspect as ni

Cli = Callable[..., Result]


def recomputed(path: Path, measure: str) -> dict[tuple[str, int | None, int | None], object]:
    """Return (role, layer, head) -> number or numbers, straight from the file."""
    tensors = {name: array.astype(np.float64) for name, array in load_file(path).items()}
    with safe_open(path, framework="numpy") as file:
        config = json.loads(file.metadata()["reference_model"])["config"]
    out: dict[tuple[str, int | None, int | None], object] = {}
    for name, array in tensors.items():
        parts = name.removesuffix(".weight").removesuffix(".gain").split(".")
        layer = int(parts[1]) if parts[0] == "layers" else None
        role = {"norm_A": "gain_A", "norm_M": "gain_M", "norm_final": "gain_final"}.get(
            parts[-1], parts[-1]
        )
        out |= dict(NUMBERS[measure](role, layer, array, config))
    return out


def _conditions(role: str, layer: int | None, array: np.ndarray, config: dict) -> list:
    if not role.startswith("W_"):
        return []
    out = [((role, layer, None), np.linalg.cond(array))]
    if role in ("W_q", "W_k", "W_v", "W_o"):
        heads = np.split(array, config["n_heads"], axis=role == "W_o")
        out += [((role, layer, h), np.linalg.cond(head)) for h, head in enumerate(heads)]
    return out


def _rates(role: str, layer: int | None, array: np.ndarray, config: dict) -> list:
    if not role.startswith("alpha"):
        return []
    return [((role, layer, None), np.abs(array) * config["alpha_init"] / config["alpha_scale"])]


def _factors(role: str, layer: int | None, array: np.ndarray, config: dict) -> list:
    if role.startswith("gain"):
        return [((role, layer, None), array)]
    if not role.startswith("s_"):
        return []
    array = array * config[f"{role}_init"] / config[f"{role}_scale"]
    if array.ndim == 1:
        return [((role, layer, None), array)]
    return [((role, layer, head), row) for head, row in enumerate(array)]


def _norms(role: str, layer: int | None, array: np.ndarray, config: dict) -> list:
    return [((role, layer, None), np.linalg.norm(array, axis=1))] if role[:2] == "E_" else []


def _unit(role: str, layer: int | None, array: np.ndarray, config: dict) -> list:
    if role[:2] not in ("E_", "W_"):
        return []
    norms = np.linalg.norm(array, axis=0 if role in ("W_o", "W_oMLP") else 1)
    return [((role, layer, None), np.abs(norms - 1).max())]


NUMBERS = {
    "condition_numbers": _conditions,
    "eigen_learning_rates": _rates,
    "scaling_factors": _factors,
    "embedding_norms": _norms,
    "unit_norm": _unit,
}
CASES = [
    (model, measure)
    for model in ("gpt", "ngpt")
    for measure in NUMBERS
    if (model, measure) != ("gpt", "eigen_learning_rates")
]


@pytest.mark.parametrize(("model", "measure"), CASES)
def test_agreement(model: str, measure: str, trained: dict[str, Path], cli: Cli) -> None:
    path = trained[model]
    headline = ni.MEASURES[measure].headline
    table = ni.measure(path, measure)
    result = cli(ni.MEASURES[measure].command, path, "--format", "json")
    rows = json.loads(result.stdout)
    assert [row["value"] for row in rows] == table["value"].tolist()

    expected = recomputed(path, measure)
    wanted = table[series_of(table) == str(headline)]
    groups = dict(list(wanted.groupby(["role", "layer", "head"], dropna=False)))
    keys = {(r, *(None if pd.isna(n) else int(n) for n in rest)) for r, *rest in groups}
    assert keys == set(expected)
    for (role, layer, head), group in groups.items():
        key = (role, None if pd.isna(layer) else int(layer), None if pd.isna(head) else int(head))
        found = group["value"].to_numpy()
        np.testing.assert_allclose(found, np.atleast_1d(expected[key]), rtol=1e-9, atol=1e-12)


def test_a_trained_ngpt_is_whole_and_on_the_sphere(trained: dict[str, Path]) -> None:
    """Trained, saved, opened: every tensor has a role, unit norm holds, nothing was assumed."""
    ngpt = ni.open_checkpoint(trained["ngpt"])
    assert (ngpt.architecture, ngpt.step, ngpt.unrecognised) == ("reference_ngpt", 3, ())
    assert len({w.tensor.name for w in ngpt}) == len(load_file(trained["ngpt"]))
    assert not any(constant.assumed for constant in ngpt.constants)
    unit = ni.measure(ngpt, "unit_norm")
    assert set(unit.loc[unit["measure"] == "unit_norm", "value"]) == {1.0}
    gpt = ni.open_checkpoint(trained["gpt"])
    assert len({w.tensor.name for w in gpt}) == len(load_file(trained["gpt"]))
    unit = ni.measure(gpt, "unit_norm")
    assert set(unit.loc[unit["measure"] == "unit_norm", "value"]) == {0.0}


def test_training_moved_every_scaling(trained: dict[str, Path]) -> None:
    """Else the agreement above would only be about initial values."""
    table = ni.measure(trained["ngpt"], ["eigen_learning_rates", "scaling_factors"])
    assert table.groupby(["role", "layer"], dropna=False)["value"].nunique().min() > 1


WEIGHTS = Path(__file__).parents[4] / "shared" / "data" / "weights"


@pytest.mark.skipif(not WEIGHTS.is_dir(), reason="the shared public checkpoints are not at hand")
class TestPublicCheckpoints:
    """Files that other people's code wrote."""

    def test_llama(self, cli: Cli) -> None:
        folder = WEIGHTS / "stories260K"
        tensors = load_file(folder / "model.safetensors")
        config = json.loads((folder / "config.json").read_text())
        result = cli("condition-numbers", folder, "--format", "json", "--roles", "W_k,W_o")
        rows = [r for r in json.loads(result.stdout) if r["measure"] == "condition_number"]
        heads = {"W_k": config["num_key_value_heads"], "W_o": config["num_attention_heads"]}
        names = {"W_k": "self_attn.k_proj", "W_o": "self_attn.o_proj"}
        assert len(rows) == config["num_hidden_layers"] * (sum(heads.values()) + 2)
        for row in rows:
            name = f"model.layers.{row['layer']}.{names[row['role']]}.weight"
            matrix = tensors[name].astype(np.float64)
            if row["head"] is not None:
                axis = int(row["role"] == "W_o")
                matrix = np.split(matrix, heads[row["role"]], axis=axis)[row["head"]]
            assert row["value"] == pytest.approx(np.linalg.cond(matrix), rel=1e-8)

    def test_nanogpt(self, cli: Cli) -> None:
        path = WEIGHTS / "nanogpt_variant_ckpt.pt"
        state = torch.load(path, map_location="cpu", weights_only=True)["model"]
        rows = json.loads(cli("vector-norms", path, "--format", "json", "-q").stdout)
        found = {
            role: [r["value"] for r in rows if (r["role"], r["layer"]) == (role, 1)]
            for role in ("W_q", "W_k", "W_v")
        }
        (fused,) = (v for name, v in state.items() if name.endswith("h.1.attn.c_attn.weight"))
        parts = np.split(fused.double().numpy(), 3)
        for role, part in zip(found, parts, strict=True):
            norms = [np.linalg.norm(part, axis=axis) for axis in (1, 0)]
            np.testing.assert_allclose(found[role], np.concatenate(norms), rtol=1e-12)
