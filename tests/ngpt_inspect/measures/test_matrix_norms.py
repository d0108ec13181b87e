"""Norms of matrices against numpy on a file, and what trajectories make of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from models import MLP, tiny_gpt, tiny_ngpt, write_reference
from safetensors.torch import save_file
from tolerances import rounding, singular

import ngpt_inspect as ni
from ngpt_inspect.numerics.extremes import ENDS_FROM, spectral_norm


@pytest.mark.parametrize("size", [1e-180, 1.0, 1e180])
def test_a_large_matrix_takes_lanczos_alone(size: float) -> None:
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(ENDS_FROM + 40, ENDS_FROM, generator=generator, dtype=torch.float64)
    expected = float(torch.linalg.matrix_norm(w, 2))
    # What the residual proves (CERTIFIED), far above what rounding leaves.
    for each in (w, w.T):
        assert spectral_norm(each * size) / size == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_norms_whose_squares_leave_float64(size: float, tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).standard_normal((6, 4))
    save_file({"plain.weight": torch.from_numpy(matrix * size)}, tmp_path / "one.safetensors")
    rows = ni.measure(tmp_path / "one.safetensors", "matrix_norms")
    sigma = np.linalg.norm(matrix, 2)
    assert dict(zip(rows["measure"], rows["value"] / size, strict=True)) == pytest.approx(
        {
            "spectral_norm": sigma,
            "rms_to_rms_norm": sigma * (4 / 6) ** 0.5,
            "frobenius_norm": np.linalg.norm(matrix),
            "entry_rms": np.sqrt((matrix**2).mean()),
        },
        rel=singular(6),
    )


def test_held_from_above_only(tmp_path: Path) -> None:
    """Shorter vectors are within the ball, longer ones are not: what anGPT holds."""
    model = tiny_ngpt()
    shorter, longer = (
        model.changed(W_q_0=model.arrays["W_q", 0] * factor) for factor in (0.5, 1.01)
    )
    found = {}
    for name, each in (("shorter", shorter), ("longer", longer)):
        path = write_reference(each, tmp_path / f"{name}.safetensors")
        table = ni.measure(path, "unit_norm", roles="W_q", layers=0)
        found[name] = dict(zip(table["measure"], table["value"], strict=True))
    assert found["shorter"]["unit_norm"] == found["longer"]["unit_norm"] == 0
    assert found["shorter"]["within_unit"] == 1
    assert found["shorter"]["unit_excess"] == 0
    assert found["longer"]["within_unit"] == 0
    assert found["longer"]["unit_excess"] == pytest.approx(0.01, abs=1e-6)


@pytest.fixture
def run(tmp_path: Path) -> list[Path]:
    """Return three steps of a run whose MLP grows by half each time."""
    paths = []
    for step in (1, 2, 3):
        model = tiny_gpt()
        grown = {f"{role}_1": model.arrays[role, 1] * 1.5 ** (step - 1) for role in MLP}
        path = tmp_path / f"run/step_{step}.safetensors"
        path.parent.mkdir(exist_ok=True)
        paths.append(write_reference(model.changed(**grown), path, step=step))
    return paths


def test_drift_is_over_the_first_step(run: list[Path]) -> None:
    figure = ni.figure("trajectories", run, quantity="frobenius_norm", drift=True)
    drawn: dict[str, list[list[float]]] = {}
    for trace in figure.data:
        if trace.meta in ("layer 0", "layer 1"):
            drawn.setdefault(trace.meta, []).append([float(y) for y in trace.y])
    assert len(drawn["layer 0"]) == 7
    for ys in drawn["layer 0"]:
        assert ys == pytest.approx([1, 1, 1], rel=rounding(dtype=torch.float32))
    grown = [ys for ys in drawn["layer 1"] if ys[-1] > 2]
    assert len(grown) == 3
    for ys in grown:
        assert ys == pytest.approx([1, 1.5, 2.25], rel=rounding(dtype=torch.float32))
