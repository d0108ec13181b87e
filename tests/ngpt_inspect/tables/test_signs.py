"""Signs that are free: whoever moves them into the weights beside them must see the same means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from models import Tiny, series_of, tiny_gpt, tiny_ngpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.summary import summary

ROLES = ("alpha_A", "alpha_M", "s_qk", "s_u", "s_nu", "s_z", "gain_A", "gain_M", "gain_final")


def with_signs(role: str) -> tuple[Tiny, dict[int | None, np.ndarray]]:
    """Return a model half of whose values of a role are negative, and their effective sizes."""
    model = tiny_gpt() if role.startswith("gain") else tiny_ngpt()
    rng = np.random.default_rng(3)
    sizes = {layer: np.abs(model.effective(role, layer)) for r, layer in model.arrays if r == role}
    for layer in sizes:
        stored = model.arrays[role, layer]
        signs = rng.permutation(np.resize([1.0, -1.0], stored.size)).reshape(stored.shape)
        model.arrays[role, layer] = signs * stored
    return model, sizes


@pytest.mark.parametrize(
    "role",
    [pytest.param(r, marks=[pytest.mark.slow] * (r not in ("alpha_A", "s_qk"))) for r in ROLES],
)
def test_means_that_are_shown_are_of_sizes(
    role: str, tmp_path: Path, cli: Callable[..., object]
) -> None:
    model, sizes = with_signs(role)
    path = write_reference(model, tmp_path / "x.safetensors")
    measure = "eigen_learning_rates" if role.startswith("alpha") else "scaling_factors"
    table = ni.summarise(ni.measure(path, measure, roles=[role]))
    means = table[series_of(table).str.startswith("abs_mean")]
    for layer, values in sizes.items():
        of_layer = means[means["layer"].isna() if layer is None else means["layer"].eq(layer)]
        assert of_layer["value"].item() == pytest.approx(values.mean(), rel=1e-6)
    everything = np.concatenate([each.ravel() for each in sizes.values()])
    over_layers = means[means["layer"].isna()]["value"].item()
    assert over_layers == pytest.approx(everything.mean(), rel=1e-6)

    shown = cli(measure.replace("_", "-"), path, "--roles", role).stdout
    assert ", mean of |.|" in shown.splitlines()[0]
    printed = [float(line.split()[-1]) for line in shown.splitlines()[3:]]
    assert printed == pytest.approx([each.mean() for each in sizes.values()], rel=1e-3)

    facts = summary(path).set_index("item")["value"]
    if not role.startswith("gain"):
        item = f"{role}, mean" if role.startswith("alpha") else f"{role}, mean |.|"
        assert facts[item] == pytest.approx(everything.mean(), rel=1e-6)
