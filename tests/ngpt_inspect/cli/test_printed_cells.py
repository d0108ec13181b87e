"""A printed cell that stands for several rows is the median of all of them, and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from safetensors.numpy import save_file

Cli = Callable[..., Result]
Mixture = tuple[Path, dict[str, np.ndarray]]
D, MLP, EXPERTS, LAYERS = 16, 24, 5, 2


@pytest.fixture
def mixture(tmp_path: Path) -> Mixture:
    """A mixture whose experts differ widely, the last one most."""
    random = np.random.default_rng(0)

    def draw(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * random.normal(size=shape)).astype(np.float32)

    tensors = {"model.embed_tokens.weight": draw(32, D), "lm_head.weight": draw(32, D)}
    tensors["model.norm.weight"] = np.ones(D, np.float32)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        for name in ("q", "k", "v", "o"):
            tensors[f"{at}.self_attn.{name}_proj.weight"] = draw(D, D)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{at}.{name}.weight"] = np.ones(D, np.float32)
        tensors[f"{at}.block_sparse_moe.gate.weight"] = draw(EXPERTS, D)
        for expert in range(EXPERTS):
            within, scale = f"{at}.block_sparse_moe.experts.{expert}", float(expert + 1)
            tensors[f"{within}.w1.weight"] = draw(MLP, D, scale=scale)
            tensors[f"{within}.w3.weight"] = draw(MLP, D, scale=scale)
            tensors[f"{within}.w2.weight"] = draw(D, MLP, scale=scale)
    folder = tmp_path / "mixtral"
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    config = {
        "model_type": "mixtral",
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "num_local_experts": EXPERTS,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder, tensors


def expected(
    tensors: dict[str, np.ndarray], layer: int, of: Callable[[np.ndarray], float]
) -> float:
    weights = (
        tensors[f"model.layers.{layer}.block_sparse_moe.experts.{expert}.w3.weight"].astype(float)
        for expert in range(EXPERTS)
    )
    return float(np.median([of(weight) for weight in weights]))


def cell(printed: str, column: str, *lead: str) -> float:
    """Read one number out of a printed table."""
    lines = [line.split() for line in printed.splitlines()]
    header = next(line for line in lines if column in line)
    found = next(line for line in lines if tuple(line[: len(lead)]) == lead)
    return float(found[header.index(column)])


def test_condition_numbers_of_experts(cli: Cli, mixture: Mixture) -> None:
    folder, tensors = mixture
    run = cli("condition-numbers", folder)
    assert "median over experts" in run.stdout
    for layer in range(LAYERS):
        assert cell(run.stdout, "W_u", str(layer)) == pytest.approx(
            expected(tensors, layer, np.linalg.cond), rel=1e-3
        )


def test_measures_with_roles_down(cli: Cli, mixture: Mixture) -> None:
    folder, tensors = mixture
    run = cli("vector-norms", folder)
    assert "median over experts" in run.stdout
    norms = expected(tensors, 0, lambda weight: np.linalg.norm(weight, axis=1).mean())
    assert cell(run.stdout, "row_norm_mean", "0", "W_u") == pytest.approx(norms, rel=1e-3)


@pytest.mark.parametrize("command", ["singular-values", "unit-norm"])
def test_every_layout_of_a_table_says_what_a_cell_stands_for(
    cli: Cli, mixture: Mixture, command: str
) -> None:
    assert "median over experts" in cli(command, mixture[0]).stdout


def test_a_model_without_experts_has_nothing_to_say(cli: Cli, mixture: Mixture) -> None:
    folder, _ = mixture
    run = cli("condition-numbers", folder, "--roles", "W_q")
    assert "experts" not in run.stdout.splitlines()[0]
