"""Differences: models that differ in known facts, and in nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from models import Tensors, tiny_gpt, tiny_ngpt, write_llama, write_nvidia, write_reference
from safetensors.torch import load_file

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
    table = ni.differences(paths)
    assert set(table[table["group"] == "values"]["item"]) > {"W_q", "E_input"}
    found = shown(table[table["group"] != "values"])
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


def test_other_values_are_told_apart_tensor_by_tensor(tmp_path: Path) -> None:
    def one_value(tensors: Tensors) -> None:
        tensors["layers.1.attention.W_q.weight"][3, 5] += 2.0**-20

    paths = [
        write_reference(tiny_ngpt(), tmp_path / "a.safetensors"),
        write_reference(tiny_ngpt(), tmp_path / "b.safetensors", change=one_value),
        write_reference(tiny_ngpt(seed=5), tmp_path / "c.safetensors"),
    ]
    values = ni.differences(paths[:2])
    assert values[["group", "item"]].drop_duplicates().to_numpy().tolist() == [["values", "W_q"]]
    same, other = shown(values)["W_q"]
    assert other.endswith(", others in layer 1")
    assert other.split(",")[0] != same
    everything = ni.differences([paths[0], paths[2]])
    assert {"W_q", "E_output", "s_qk"} <= set(everything[everything["group"] == "values"]["item"])
    assert not everything["text"].str.contains("others in").any(), "all of them are others"


def test_values_of_other_dtypes_and_layouts(tmp_path: Path) -> None:
    """A digest is of the bytes: equal in another file format, not compared in another dtype."""
    paths = [
        write_reference(tiny_gpt(), tmp_path / "a.safetensors"),
        write_reference(tiny_gpt(), tmp_path / "b.safetensors", dtype=torch.bfloat16),
        write_llama(tiny_gpt(), tmp_path / "llama"),
    ]
    assert set(ni.differences(paths[:2])["group"]) == {"model", "weights"}, "dtypes say it all"
    assert not (ni.differences([paths[0], paths[2]])["group"] == "values").any()
    packed = tmp_path / "packed.pt"
    torch.save(load_file(paths[0]), packed)
    assert not (ni.differences([paths[0], packed])["group"] == "values").any()


def test_what_bytes_cannot_tell_is_said(tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "a.safetensors")
    tensors = load_file(path)
    tensors["layers.0.attention.W_q.weight"] = (
        tensors["layers.0.attention.W_q.weight"].t().contiguous().t()
    )
    other = tmp_path / "b.pt"
    torch.save(tensors, other)
    table = ni.differences([path, other])
    (remark,) = table.attrs["remarks"]
    assert remark.startswith("values not compared of W_q: their bytes are compressed, in another")
    assert not (table["group"] == "values").any()


def test_steps_that_hold_the_very_same_weights(tmp_path: Path) -> None:
    """Their files differ, in the step they record."""
    paths = [
        write_reference(
            tiny_ngpt(seed=min(step, 2)), tmp_path / f"run/step-{step:06d}.safetensors", step=step
        )
        for step in (1, 2, 3)
    ]
    said = ["run at step 2 and run at step 3 hold the very same weights"]
    assert ni.differences(paths).attrs["remarks"] == said
    assert ni.measure(paths, "unit_norm", roles=["W_q"]).attrs["remarks"] == said
    assert ni.measure(paths[:2], "unit_norm", roles=["W_q"]).attrs["remarks"] == []
