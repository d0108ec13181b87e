"""One screen on checkpoints: each number against its own recomputation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from models import tiny_gpt, tiny_ngpt, write_gpt2, write_reference

from ngpt_inspect.summary import summary


def facts(table: pd.DataFrame, label: str) -> dict[str, float]:
    return table[table["checkpoint"] == label].set_index("item")["value"].to_dict()


def test_numbers(tmp_path: Path) -> None:
    gpt, ngpt = tiny_gpt(), tiny_ngpt()
    paths = [
        write_reference(gpt, tmp_path / "gpt.safetensors"),
        write_reference(ngpt, tmp_path / "ngpt.safetensors"),
    ]
    table = summary(paths)
    of_gpt, of_ngpt = facts(table, "gpt"), facts(table, "ngpt")
    assert of_gpt["parameters"] == sum(array.size for array in gpt.arrays.values())
    assert of_gpt["tokens"] == 7000
    # Heads of two layers: 2, 3, 4, 5 and 12, 13, 14, 15.
    assert of_gpt["condition number W_k, median"] == pytest.approx(8.5, rel=1e-5)
    assert of_gpt["condition number W_u, median"] == pytest.approx(50.5, rel=1e-5)
    assert of_gpt["condition number, worst"] == pytest.approx(251, rel=1e-5)
    assert of_gpt["unit norm"] == 0
    for role in ("alpha_A", "alpha_M", "s_qk", "s_u", "s_nu"):
        values = np.concatenate([ngpt.effective(role, layer).ravel() for layer in (0, 1)])
        # the sign of a scale cancels with one of the weights: its size is what Figure 6 shows
        name = f"{role}, mean" if role.startswith("alpha") else f"{role}, mean |.|"
        assert of_ngpt[name] == pytest.approx(np.abs(values).mean(), rel=1e-12)
    mean = np.abs(ngpt.effective("s_z")).mean()
    assert of_ngpt["s_z, mean |.|"] == pytest.approx(mean, rel=1e-12)
    assert of_ngpt["unit norm"] == 15 / 16
    assert not any(", mean" in item for item in of_gpt)


def write_losses(folder: Path, losses: dict[int, float | None]) -> None:
    rows = [{"step": step, "validation_loss": loss} for step, loss in losses.items()]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_losses_are_compared_at_the_last_common_step(tmp_path: Path) -> None:
    for name, losses in {
        "gpt": {1: 5.0, 2: 4.0, 3: None, 4: 2.0},
        "ngpt": {1: 4.5, 2: 3.5, 3: 3.0},
    }.items():
        write_reference(tiny_gpt(), tmp_path / name / "step-000007.safetensors")
        write_losses(tmp_path / name, losses)
    table = summary([tmp_path / "gpt", tmp_path / "ngpt"])
    assert facts(table, "gpt")["validation loss at step 2"] == 4.0
    assert facts(table, "ngpt")["validation loss at step 2"] == 3.5


def test_a_checkpoint_has_no_loss_of_a_later_step(tmp_path: Path) -> None:
    run = tmp_path / "gpt"
    for step in (2, 3):
        write_reference(tiny_gpt(), run / f"step-{step:06}.safetensors", step=step)
    write_losses(run, {1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0})
    both = summary([run / "step-000002.safetensors", run / "step-000003.safetensors"])
    told = both[both["item"].str.contains("loss")]
    assert told["item"].unique().tolist() == ["validation loss"]
    assert told["value"].tolist() == [4.0, 3.0]
    assert told["text"].tolist() == ["4.0000 at step 2", "3.0000 at step 3"]
    alone = facts(summary(run / "step-000002.safetensors"), "gpt")
    assert alone["validation loss at step 2"] == 4.0


def test_a_run_that_logged_nothing(tmp_path: Path) -> None:
    write_reference(tiny_gpt(), tmp_path / "gpt/step-000007.safetensors")
    items = facts(summary(tmp_path / "gpt"), "gpt")
    assert not any("loss" in item for item in items)


def test_unknown_heads_are_said(tmp_path: Path) -> None:
    table = summary(write_gpt2(tiny_gpt(), tmp_path / "bare", config=False))
    texts = table.set_index("item")["text"]
    assert texts["size"] == "2 layers, ? heads, d 16"
