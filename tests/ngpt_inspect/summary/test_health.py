"""Health: every level is reached by a model made to reach it, and by no other reading of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from models import Tiny, tiny_gpt, tiny_ngpt, write_llama, write_reference

from ngpt_inspect import open_checkpoint
from ngpt_inspect.plotting import joined
from ngpt_inspect.summary import HEALTH_MEASURES, health, health_items
from ngpt_inspect.tables import measure, summarise


def on_sphere() -> Tiny:
    """Return the tiny nGPT with its one matrix that is off the sphere put back."""
    w = tiny_ngpt().arrays["W_v", 1]
    return tiny_ngpt().changed(W_v_1=w / np.linalg.norm(w, axis=1, keepdims=True))


def read(path: Path, measures: tuple[str, ...] = HEALTH_MEASURES) -> pd.DataFrame:
    checkpoint = open_checkpoint(path)
    return health([checkpoint], measure(checkpoint, measures)).set_index("item")


def health_of(model: Tiny, tmp_path: Path) -> pd.DataFrame:
    return read(write_reference(model, tmp_path / "model.safetensors"))


def wanting(found: pd.DataFrame) -> dict[str, str]:
    ruled = found["level"].dropna()
    return {item: str(level) for item, level in ruled.items() if level != "ok"}


def scaled(array: np.ndarray, row: int, by: float) -> np.ndarray:
    out = array.copy()
    out[row] *= by
    return out


def test_a_model_as_it_should_be(tmp_path: Path) -> None:
    found = health_of(on_sphere(), tmp_path)
    assert not wanting(found)
    assert found.loc["unit norm", "text"].startswith("16 of 16 matrices")
    assert found.loc["NaN or Inf", "text"] == "none in 27 weights"
    assert found.loc["dead rows", "text"] == "none in 60 embeddings"
    assert found.loc["rank", "text"] == "full in all 38 heads and matrices"  # 2 (4 * 4 + 3)
    assert found["rule"].str.len().min() > 10
    assert set(found.index) == set(health_items())


def test_a_gpt_is_not_meant_to_be_on_the_sphere(tmp_path: Path) -> None:
    found = health_of(tiny_gpt(), tmp_path)
    assert not wanting(found)
    assert found.loc["unit norm", "text"].startswith("not meant to be: 0 of 16")
    assert pd.isna(found.loc["unit norm", "level"]), "there is no rule"
    assert "alpha_A, mean" not in found.index


@pytest.mark.parametrize(("by", "level"), [(1.25, "trouble"), (1.002, "notice")])
def test_off_the_sphere(by: float, level: str, tmp_path: Path) -> None:
    model = on_sphere()
    changed = model.changed(W_k_1=scaled(model.arrays["W_k", 1], 3, by))
    found = health_of(changed, tmp_path)
    assert wanting(found) == {"unit norm": level}
    assert (found.loc["unit norm", "role"], found.loc["unit norm", "layer"]) == ("W_k", 1)
    assert found.loc["unit norm", "value"] == 15 / 16
    assert f"{by - 1:.4g}: W_k layer 1" in found.loc["unit norm", "text"]


def test_nan_and_inf_are_counted_and_named(tmp_path: Path) -> None:
    gpt = tiny_gpt()
    gain, w = gpt.arrays["gain_A", 1].copy(), gpt.arrays["W_u", 0].copy()
    gain[2], w[1, 1], w[5, 3] = np.inf, np.nan, -np.inf
    found = health_of(gpt.changed(gain_A_1=gain, W_u_0=w), tmp_path)
    assert wanting(found) == {"NaN or Inf": "trouble"}
    row = found.loc["NaN or Inf"]
    assert row["value"] == 2
    assert "W_u" in row["text"]
    assert "2 of 384 values" in row["text"]
    assert "1 of 16 values" in row["text"]
    assert (row["role"], row["layer"]) == ("W_u", 0)


@pytest.mark.parametrize(("by", "dead"), [(0.0, 1), (0.02, 1), (0.5, 0)])
def test_dead_rows(by: float, dead: int, tmp_path: Path) -> None:
    gpt = tiny_gpt()
    unit = gpt.arrays["E_output", None]
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    found = health_of(gpt.changed(E_output=scaled(unit, 7, by)), tmp_path)
    assert found.loc["dead rows", "value"] == dead
    # One of thirty rows is more than one in a hundred.
    assert wanting(found) == ({"dead rows": "trouble"} if dead else {})
    assert not dead or found.loc["dead rows", "text"] == "1 of 30 in E_output"


def test_few_dead_rows_are_a_notice(tmp_path: Path) -> None:
    rows = np.ones((400, 16))
    rows[3] = 0
    rest = {"E_input": np.ones((400, 16)), "E_output": rows}
    path = write_llama(tiny_gpt().changed(**rest), tmp_path / "llama")
    found = read(path, ("embedding_norms",))
    assert wanting(found) == {"dead rows": "notice"}
    assert found.loc["dead rows", "text"] == "1 of 400 in E_output"


def test_rank_and_condition(tmp_path: Path) -> None:
    gpt = tiny_gpt()
    whole, lost = gpt.arrays["W_u", 0], gpt.arrays["W_q", 1].copy()
    lost[4:8] = 0
    lost[4] = 1.0  # head 1 has rank 1
    u, s, vt = np.linalg.svd(whole, full_matrices=False)
    s[-1] = s[0] / 2e4
    ill = health_of(gpt.changed(W_u_0=(u * s) @ vt), tmp_path)
    assert wanting(ill) == {"condition number, worst": "notice"}
    assert ill.loc["condition number, worst", "value"] == pytest.approx(2e4, rel=1e-3)
    assert ill.loc["condition number, worst", "text"].endswith("(W_u layer 0)")
    found = health_of(gpt.changed(W_q_1=lost), tmp_path)
    assert wanting(found) == {"condition number, worst": "trouble", "rank": "trouble"}
    assert found.loc["rank", "text"].startswith("1 rank deficient of 38 heads")
    assert found.loc["rank", "head"] == 1
    assert found.loc["condition number, worst", "text"] == "inf (W_q layer 1 head 1)"


def test_what_storage_cannot_resolve_is_a_notice(tmp_path: Path) -> None:
    gpt = tiny_gpt()
    u, s, vt = np.linalg.svd(gpt.arrays["W_nu", 0], full_matrices=False)
    s[-1] = s[0] * 1e-6
    model = gpt.changed(W_nu_0=(u * s) @ vt)
    path = write_reference(model, tmp_path / "half.safetensors", dtype=torch.bfloat16)
    found = read(path, ("condition_numbers",))
    assert found.loc["rank", "level"] == "notice"
    assert "1 below resolution of 38" in found.loc["rank", "text"]
    assert found.loc["rank", "role"] == "W_nu"


@pytest.mark.slow
def test_steps_beyond_the_suggestion(tmp_path: Path) -> None:
    ngpt = on_sphere()
    stored = ngpt.arrays["alpha_A", 0].copy()
    to_stored = ngpt.constants["alpha_scale"] / ngpt.constants["alpha_init"]
    stored[5] = 1.5 * to_stored
    few = health_of(ngpt.changed(alpha_A_0=stored), tmp_path)
    assert wanting(few) == {"alpha_A, mean": "notice"}
    assert "(1 of 32 above 1)" in few.loc["alpha_A, mean", "text"]
    all_of_them = np.full(16, 3 * to_stored)
    found = health_of(ngpt.changed(alpha_M_0=all_of_them, alpha_M_1=all_of_them), tmp_path)
    assert wanting(found) == {"alpha_M, mean": "trouble"}
    assert found.loc["alpha_M, mean", "value"] == pytest.approx(3)


def test_a_weight_that_cannot_be_measured_is_not_called_healthy(tmp_path: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        name = next(name for name in tensors if name.endswith("W_v.weight") or "W_v" in name)
        tensors[name] = tensors[name].to(torch.int8)

    path = write_reference(tiny_gpt(), tmp_path / "codes.safetensors", change=change)
    found = read(path)
    assert wanting(found) == {"not measured": "notice"}
    assert "stored as I8" in found.loc["not measured", "text"]


def test_summary_rows_are_passed_over(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write_reference(tiny_ngpt(), tmp_path / "model.safetensors"))
    table = measure(checkpoint, HEALTH_MEASURES)
    expected = health([checkpoint], table)
    pd.testing.assert_frame_equal(health([checkpoint], summarise(table)), expected)


def test_only_what_was_measured_is_said(tmp_path: Path) -> None:
    path = write_reference(tiny_ngpt(), tmp_path / "model.safetensors")
    found = read(path, ("embedding_norms",))
    assert list(found.index) == ["NaN or Inf", "dead rows"]
    text = found.loc["NaN or Inf", "text"]
    assert text.startswith("none in 2 weights; not read: W_q, W_k")


@pytest.mark.slow
def test_steps_of_one_run_are_told_apart_and_joined_tables_serve(tmp_path: Path) -> None:
    paths = [
        write_reference(tiny_ngpt(), tmp_path / "run/step-000001.safetensors", step=1),
        write_reference(on_sphere(), tmp_path / "run/step-000002.safetensors", step=2),
    ]
    models = [open_checkpoint(path) for path in paths]
    table = joined([measure(each, name) for each in models for name in HEALTH_MEASURES])
    assert table.attrs["measures"] == list(HEALTH_MEASURES)
    assert table.attrs["settings"] == measure(models, HEALTH_MEASURES).attrs["settings"]
    found = health(models, table)
    levels = found[found["item"] == "unit norm"].set_index("step")["level"]
    assert levels.to_dict() == {1: "trouble", 2: "ok"}
