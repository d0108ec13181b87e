"""What `reference_model` trained, and what other people published, as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from safetensors.numpy import load_file

import ngpt_inspect as ni

Cli = Callable[..., Result]


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
    """Else what is said of the trained pair would only be about initial values."""
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
