"""Differences: models that differ in known facts, and in nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from models import tiny_gpt, tiny_ngpt, write_llama, write_nvidia, write_reference

import ngpt_inspect as ni
from ngpt_inspect.errors import WrongOption


def shown(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    return {item: tuple(rows["text"]) for item, rows in table.groupby("item", sort=False)}


def test_equal_models_differ_in_nothing(tmp_path: Path) -> None:
    paths = [write_reference(tiny_ngpt(), tmp_path / f"{x}.safetensors") for x in "ab"]
    table = ni.differences(paths)
    assert table.empty
    assert table.attrs["differ"] == 0
    assert table.attrs["agree"] > 20


def test_step_dtype_and_constants(tmp_path: Path) -> None:
    one, other = tiny_ngpt(), tiny_ngpt()
    other.constants["s_z_init"] = 2.0
    paths = [
        write_reference(one, tmp_path / "one.safetensors"),
        write_reference(other, tmp_path / "other.safetensors", step=9, dtype=torch.float16),
    ]
    table = ni.differences(paths)
    found = shown(table)
    assert found["step"] == ("7", "9")
    assert found["stored as"] == ("F32", "F16")
    assert found["s_z_init"] == ("1 (read)", "2 (read)")
    assert found["W_q"] == ("[16, 16] F32", "[16, 16] F16")
    groups = table.set_index("item")["group"]
    assert set(groups) == {"model", "progress", "constants", "weights"}
    assert table.attrs["differ"] == len(found)


def test_a_gpt_and_an_ngpt(tmp_path: Path) -> None:
    paths = [
        write_reference(tiny_gpt(), tmp_path / "gpt.safetensors"),
        write_reference(tiny_ngpt(), tmp_path / "ngpt.safetensors"),
    ]
    found = shown(ni.differences(paths))
    assert found["family"] == ("GPT", "nGPT")
    assert found["alpha_A"] == ("absent", "[16] F32")
    assert found["gain_M"] == ("[16] F32", "absent")
    assert found["alpha_init"] == ("none", "0.05 (read)")
    assert not {"W_q", "d_model", "vocab_size", "n_heads"} & set(found)


def test_an_assumed_constant_is_not_a_read_one(tmp_path: Path) -> None:
    """NVIDIA's files do not hold alpha_init: the same number has another origin there."""
    paths = [
        write_reference(tiny_ngpt(), tmp_path / "reference.safetensors"),
        write_nvidia(tiny_ngpt(), tmp_path / "nvidia.pt"),
    ]
    read, assumed = shown(ni.differences(paths))["alpha_init"]
    assert read == "0.05 (read)"
    assert assumed.startswith("0.05 (assumed: ")


def test_roles_are_compared_whatever_a_layout_calls_them(tmp_path: Path) -> None:
    paths = [
        write_reference(tiny_gpt(), tmp_path / "reference.safetensors"),
        write_llama(tiny_gpt(), tmp_path / "llama"),
    ]
    table = ni.differences(paths)
    assert not (table["group"] == "weights").any()
    assert shown(table)["architecture"] == ("reference_gpt", "llama")


def test_tensors_without_a_role_and_three_checkpoints(tmp_path: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["layers.0.extra"] = torch.zeros(2)
        tensors["layers.1.extra"] = torch.zeros(2)

    paths = [write_reference(tiny_gpt(), tmp_path / f"{x}.safetensors") for x in "ab"]
    paths.append(write_reference(tiny_gpt(), tmp_path / "c.safetensors", change=change))
    table = ni.differences(paths)
    assert shown(table)["layers.*.extra"] == ("absent", "absent", "2 of [2] F32")
    assert list(table["checkpoint"].unique()) == ["a", "b", "c"]


def test_numbers_that_rounding_makes_equal_are_shown_in_full(tmp_path: Path) -> None:
    one, other = tiny_ngpt(), tiny_ngpt()
    other.constants["alpha_init"] = 0.05000001
    paths = [
        write_reference(one, tmp_path / "one.safetensors"),
        write_reference(other, tmp_path / "other.safetensors"),
    ]
    assert shown(ni.differences(paths))["alpha_init"] == ("0.05 (read)", "0.05000001 (read)")


def test_one_checkpoint_is_refused(tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "gpt.safetensors")
    with pytest.raises(WrongOption, match="name two or more"):
        ni.differences(path)
