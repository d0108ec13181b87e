"""A printed cell that stands for several rows is a statistic of all of them, and names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from mixtures import LAYERS, D, E, write_mixture
from models import Tensors

import ngpt_inspect as ni
from ngpt_inspect.tables.cells import cells_of
from ngpt_inspect.tables.rows import records
from ngpt_inspect.tables.statistics import SCALARS

Cli = Callable[..., Result]
Mixture = tuple[Path, Tensors]
PRINTED = 1e-3
"""Numbers are printed in four digits."""


@pytest.fixture
def mixture(tmp_path: Path) -> Mixture:
    """A mixture whose experts differ widely, the last one most."""

    def widen(tensors: Tensors) -> None:
        for name, tensor in tensors.items():
            if ".experts." in name:
                tensor.mul_(1 + int(name.split(".")[5]))

    return write_mixture(tmp_path / "mixtral", change=widen)


def experts(tensors: Tensors, layer: int) -> list[np.ndarray]:
    """Return W_u of all experts of a layer."""
    names = [name for name in tensors if name.startswith(f"model.layers.{layer}.block_sparse")]
    return [tensors[name].double().numpy() for name in names if name.endswith("w3.weight")]


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


def test_an_expert_that_every_token_passes_is_one_of_them(cli: Cli, tmp_path: Path) -> None:
    def share(tensors: Tensors) -> None:
        for layer in range(LAYERS):
            at = f"model.layers.{layer}.mlp.shared_expert"
            for kind in ("gate_proj", "down_proj", "up_proj"):
                tensors[f"{at}.{kind}.weight"] = torch.linspace(1, 400, D).diag()
            tensors[f"{at}_gate.weight"] = torch.ones(1, D)

    folder, tensors = write_mixture(tmp_path / "qwen", "qwen2_moe", share)
    run = cli("condition-numbers", folder)
    up = (tensors[f"model.layers.0.mlp.experts.{n}.up_proj.weight"].double() for n in range(E))
    kappas = [400.0, *map(np.linalg.cond, up)]
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
