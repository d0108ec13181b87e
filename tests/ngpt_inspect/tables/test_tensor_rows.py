"""Norms and values of tensors against numpy, whatever their size, shape and dtype."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ngpt_inspect import open_checkpoint
from ngpt_inspect.tables import tensor_rows as rooms
from ngpt_inspect.tables.tensor_rows import tensor_norms, tensor_rows, tensor_values


@pytest.fixture
def model(tmp_path: Path):
    generator = torch.Generator().manual_seed(3)
    tensors = {
        "a.weight": torch.randn(7, 5, generator=generator, dtype=torch.float64),
        "b.stack": torch.randn(3, 4, 2, generator=generator).to(torch.bfloat16),
        "c.bad": torch.tensor([1.0, float("nan")]),
        "d.codes": torch.arange(6, dtype=torch.int8).reshape(2, 3),
        "e.same": torch.full((4, 4), 2.0),
    }
    save_file(tensors, tmp_path / "strange.safetensors")
    return open_checkpoint(tmp_path / "strange.safetensors"), tensors


def test_norms_are_those_of_numpy(model, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, tensors = model
    whole = tensor_norms(checkpoint).set_index("tensor")
    for name in ("a.weight", "b.stack", "e.same"):
        values = tensors[name].double().numpy()
        assert whole.loc[name, "norm"] == pytest.approx(np.sqrt((values**2).sum()), rel=1e-14)
        assert whole.loc[name, "status"] == "ok"
    assert whole.loc["c.bad", "status"] == "skipped"
    assert "NaN" in whole.loc["c.bad", "reason"]
    assert "I8" in whole.loc["d.codes", "reason"]
    monkeypatch.setattr(rooms, "ROWS", 5)
    in_pieces = tensor_norms(checkpoint).set_index("tensor")
    assert in_pieces.loc["a.weight", "norm"] == pytest.approx(whole.loc["a.weight", "norm"])


def test_values_are_counted_and_factorised(model) -> None:
    checkpoint, tensors = model
    found = tensor_values(checkpoint.contents.tensors["a.weight"])
    assert found.loc[found["kind"] == "bin", "y"].sum() == 35
    sigma = np.linalg.svd(tensors["a.weight"].numpy(), compute_uv=False)
    assert found.loc[found["kind"] == "singular", "y"].to_numpy() == pytest.approx(sigma, rel=1e-12)
    same = tensor_values(checkpoint.contents.tensors["e.same"])
    assert same.loc[same["kind"] == "bin", ["x", "y"]].to_numpy().tolist() == [[2.0, 16.0]]
    broken = tensor_values(checkpoint.contents.tensors["c.bad"])
    assert broken.loc[broken["kind"] == "bin", "y"].sum() == 1


def test_every_tensor_has_a_row(model) -> None:
    checkpoint, tensors = model
    assert {row["tensor"] for row in tensor_rows(checkpoint)} == set(tensors)
