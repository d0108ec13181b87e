"""A printed cell that stands for several rows is a statistic of all of them, and names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from models import tiny_gpt, write_reference
from safetensors.numpy import save_file

import ngpt_inspect as ni
from ngpt_inspect.tables.cells import cells_of
from ngpt_inspect.tables.rows import records
from ngpt_inspect.tables.statistics import SCALARS

Cli = Callable[..., Result]
Mixture = tuple[Path, dict[str, np.ndarray]]
D, MLP, EXPERTS, LAYERS = 16, 24, 5, 2
PRINTED = 1e-3
"""Numbers are printed in four digits."""


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


def experts(tensors: dict[str, np.ndarray], layer: int) -> list[np.ndarray]:
    """Return W_u of all experts of a layer."""
    names = [name for name in tensors if name.startswith(f"model.layers.{layer}.block_sparse")]
    return [tensors[name].astype(float) for name in names if name.endswith("w3.weight")]


def cell(printed: str, column: str, *lead: str) -> float:
    """Read one number out of a printed table."""
    lines = [line.split() for line in printed.splitlines()]
    header = next(line for line in lines if column in line)
    found = next(line for line in lines if tuple(line[: len(lead)]) == lead)
    return float(found[header.index(column)])


def test_condition_numbers_of_experts(cli: Cli, mixture: Mixture) -> None:
    folder, tensors = mixture
    run = cli("condition-numbers", folder)
    assert ", median over heads and experts (whole matrix" in run.stdout
    for layer in range(LAYERS):
        wanted = np.median([np.linalg.cond(weight) for weight in experts(tensors, layer)])
        assert cell(run.stdout, "W_u", str(layer)) == pytest.approx(wanted, rel=PRINTED)


def test_an_expert_that_every_token_passes_is_one_of_them(cli: Cli, mixture: Mixture) -> None:
    folder, tensors = mixture
    shared = np.diag(np.linspace(1, 400, D)).astype(np.float32)
    for name in [name for name in tensors if "block_sparse" in name]:
        where, _, rest = name.partition("block_sparse_moe.")
        number, letter = rest.split(".")[1:3] if rest != "gate.weight" else ("", "")
        kind = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}.get(letter)
        at = f"experts.{number}.{kind}.weight" if kind else "gate.weight"
        tensors[f"{where}mlp.{at}"] = tensors.pop(name)
    for layer in range(LAYERS):
        for kind in ("gate_proj", "down_proj", "up_proj"):
            tensors[f"model.layers.{layer}.mlp.shared_expert.{kind}.weight"] = shared
        tensors[f"model.layers.{layer}.mlp.shared_expert_gate.weight"] = np.ones((1, D), np.float32)
    save_file(tensors, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "qwen2_moe"}))
    run = cli("condition-numbers", folder)
    up = (f"model.layers.0.mlp.experts.{number}.up_proj.weight" for number in range(EXPERTS))
    kappas = [400.0, *(np.linalg.cond(tensors[name].astype(float)) for name in up)]
    assert cell(run.stdout, "W_u", "0") == pytest.approx(np.median(kappas), rel=PRINTED)


def test_means_are_over_the_values_of_all_experts(cli: Cli, mixture: Mixture) -> None:
    folder, tensors = mixture
    run = cli("vector-norms", folder)
    assert "vector norms, over experts" in run.stdout
    norms = np.concatenate([np.linalg.norm(each, axis=1) for each in experts(tensors, 0)])
    lines = [line.split() for line in run.stdout.splitlines()]
    assert lines[1][:6] == ["layer", "role", "mean", "row_norm", "std", "row_norm"]
    (found,) = (line for line in lines if line[:2] == ["0", "W_u"])
    assert [float(word) for word in found[2:4]] == pytest.approx(
        [norms.mean(), norms.std()], rel=PRINTED
    )


def test_the_largest_deviation_is_that_of_the_worst_expert(cli: Cli, mixture: Mixture) -> None:
    folder, tensors = mixture
    run = cli("unit-norm", folder)
    assert ": unit deviation of unit norm, max over experts" in run.stdout
    norms = np.concatenate([np.linalg.norm(each, axis=1) for each in experts(tensors, 1)])
    assert cell(run.stdout, "W_u", "1") == pytest.approx(np.abs(norms - 1).max(), rel=PRINTED)


@pytest.mark.slow
def test_no_order_of_the_rows_changes_a_cell(mixture: Mixture) -> None:
    """What is overwritten depends on what comes last."""
    table = ni.measure(mixture[0], list(ni.MEASURES))
    ordered, shuffled = records(table), records(table.sample(frac=1, random_state=5))
    for each in ni.MEASURES.values():
        for shown in each.shown:
            one, other = (cells_of(rows, shown, ("layer", "role")) for rows in (ordered, shuffled))
            assert one.over == other.over
            assert one.by_place.keys() == other.by_place.keys()
            for place, found in one.by_place.items():
                again = other.by_place[place]
                assert found.status == again.status
                assert found.value == pytest.approx(again.value, rel=1e-12)


@pytest.mark.slow
def test_steps_of_one_run_are_tables_of_their_own(cli: Cli, tmp_path: Path) -> None:
    for step in (1, 2):
        path = tmp_path / f"run/step-{step:06d}.safetensors"
        write_reference(tiny_gpt(seed=step), path, step=step)
    run = cli("embedding-norms", tmp_path / "run", "--steps", "all")
    alone = [cli("embedding-norms", tmp_path / "run", "--steps", step) for step in (1, 2)]
    assert run.stdout.split() == [word for each in alone for word in each.stdout.split()]


def test_a_median_beside_infinite_values_is_the_middle_one() -> None:
    """Of 1, 2 and infinity 2: interpolating between 2 and infinity by nothing gives NaN."""
    for values, wanted in (
        ([1, 2, np.inf], 2),
        ([1, np.inf], np.inf),
        ([3, np.inf, np.inf], np.inf),
    ):
        assert SCALARS["median"](np.array(values, float)) == wanted
    assert SCALARS["min"](np.array([1, np.inf])) == 1
    assert SCALARS["low"](np.array([1, 2, 3, np.inf, np.inf])) == 2


def test_a_model_without_experts_has_nothing_to_say(cli: Cli, mixture: Mixture) -> None:
    folder, _ = mixture
    run = cli("condition-numbers", folder, "--roles", "W_q")
    assert "experts" not in run.stdout.splitlines()[0]
