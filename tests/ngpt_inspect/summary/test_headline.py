"""The numbers of the first screen, each against the arrays themselves."""

import json
from pathlib import Path

import numpy as np
import pytest
from models import Tiny, condition, tiny_gpt, tiny_ngpt, write_reference

from ngpt_inspect import open_checkpoint
from ngpt_inspect.summary import HEALTH_MEASURES, headline, last_losses
from ngpt_inspect.tables import measure


def median_kappa(model: Tiny, *roles: str) -> float:
    heads = [head for role in roles for layer in (0, 1) for head in model.heads(role, layer)]
    return float(np.median([condition(head) for head in heads]))


def test_numbers_are_those_of_the_arrays(tmp_path: Path) -> None:
    models = {"gpt": tiny_gpt(), "ngpt": tiny_ngpt()}
    paths = [write_reference(each, tmp_path / f"{n}.safetensors") for n, each in models.items()]
    checkpoints = [open_checkpoint(path) for path in paths]
    found = headline(checkpoints, measure(checkpoints, HEALTH_MEASURES)).set_index("checkpoint")
    for name, model in models.items():
        row = found.loc[name]
        attention = median_kappa(model, "W_q", "W_k", "W_v", "W_o")
        assert row["kappa_attention"] == pytest.approx(attention, rel=1e-5)
        norms = np.linalg.norm(model.arrays["E_input", None], axis=1)
        assert row["norm_E_input"] == pytest.approx(np.median(norms), rel=1e-6)
    assert found.loc["gpt", "unit_norm"] == 0
    assert found.loc["ngpt", "unit_norm"] == 15 / 16
    rates = [models["ngpt"].effective("alpha_A", layer).ravel() for layer in (0, 1)]
    mean = np.abs(np.concatenate(rates)).mean()
    assert found.loc["ngpt", "mean_alpha_A"] == pytest.approx(mean, rel=1e-12)
    assert np.isnan(found.loc["gpt", "mean_alpha_A"])


def test_what_was_not_measured_is_no_number(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write_reference(tiny_ngpt(), tmp_path / "ngpt.safetensors"))
    (row,) = headline([checkpoint], measure(checkpoint, "unit_norm")).to_dict("records")
    assert row["unit_norm"] == 15 / 16
    assert np.isnan(row["kappa_attention"])
    assert np.isnan(row["norm_E_input"])


def test_the_loss_is_that_of_the_step_that_was_saved(tmp_path: Path) -> None:
    run = tmp_path / "run"
    steps = [
        write_reference(tiny_gpt(), run / f"step-00000{n}.safetensors", step=n) for n in (2, 4)
    ]
    losses = {1: 4.0, 2: None, 3: 3.0, 5: 2.0}
    lines = ({"step": step, "validation_loss": loss} for step, loss in losses.items())
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    alone = write_reference(tiny_gpt(), tmp_path / "alone.safetensors")
    found = last_losses([open_checkpoint(path) for path in (*steps, alone)])
    assert found[:2] == [4.0, 3.0]
    assert np.isnan(found[2])
