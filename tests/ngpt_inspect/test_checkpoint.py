"""From a path to a model: its label, its step, its constants and where each comes from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from models import (
    ARCHITECTURE_OF,
    BASE_SCALE,
    LAYOUTS,
    reference_config,
    tiny_gpt,
    tiny_ngpt,
    write_gpt2,
    write_llama,
    write_nvidia,
    write_reference,
)

from ngpt_inspect.checkpoint import distinct, open_checkpoint
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.vocabulary import Kind, Role


def origins(model: object) -> dict[str, tuple[float, str]]:
    return {c.name: (c.value, c.origin.partition(":")[0]) for c in model.constants}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_recognised_whole(layout: str, layouts: dict[str, Path]) -> None:
    model = open_checkpoint(layouts[layout])
    assert model.architecture == ARCHITECTURE_OF[layout]
    assert model.unrecognised == ()
    assert (model.shape.n_layers, model.shape.d_model, model.shape.vocab_size) == (2, 16, 30)
    assert (model.shape.n_heads, model.shape.d_k, model.shape.d_mlp) == (4, 4, 24)
    assert model.shape.n_kv_heads == (2 if layout == "llama" else 4)
    assert model.family == ("nGPT" if "ngpt" in layout else "GPT")
    # Every role of the family is there, or the reason why not is.
    assert {*model.roles} | {*model.absent} == set(Role)
    assert not {*model.roles} & {*model.absent}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_are_those_written(layout: str, layouts: dict[str, Path]) -> None:
    kv = {"n_kv_heads": 2} if layout == "llama" else {}
    source = tiny_ngpt() if "ngpt" in layout else tiny_gpt(**kv)
    for weight in open_checkpoint(layouts[layout]):
        if weight.role is Role.E_POSITION:
            continue
        expected = source.effective(str(weight.role), weight.layer)
        bfloat16 = layout.startswith("nvidia") and weight.role.facts.kind is Kind.MATRIX
        found = weight.values().double().numpy()
        np.testing.assert_allclose(found, expected, rtol=2**-8 if bfloat16 else 1e-6)
        assert weight.tensor.dtype == ("BF16" if bfloat16 else "F32")


def test_constants_read_assumed_and_given(tmp_path: Path) -> None:
    path = write_nvidia(tiny_ngpt(), tmp_path / "ckpt.pt")
    read = open_checkpoint(path)
    assert origins(read)["base_scale"] == (BASE_SCALE, "read from model_args.base_scale")
    assert origins(read)["alpha_init"] == (0.05, "assumed")
    given = open_checkpoint(path, constants={"alpha_init": 0.1, "base_scale": 0.5})
    assert origins(given)["alpha_init"] == (0.1, "given")
    assert origins(given)["base_scale"] == (0.5, "given")
    stored = tiny_ngpt().arrays["alpha_A", 0]
    found = given.get(Role.ALPHA_A, 0).values().numpy()
    np.testing.assert_allclose(found, np.abs(stored) * 0.1 / 0.5, rtol=1e-12)
    silent = open_checkpoint(
        write_nvidia(tiny_ngpt(), tmp_path / "silent.pt", model_args={"n_head": 4})
    )
    assert origins(silent)["base_scale"] == (16**-0.5, "assumed")
    assert [c.assumed for c in silent.constants if c.name == "base_scale"] == [True]


def test_constants_of_the_reference_model_come_from_its_metadata(tmp_path: Path) -> None:
    model = tiny_ngpt()
    config = reference_config(model) | {"alpha_init": 0.2, "s_z_init": 10.0}
    opened = open_checkpoint(write_reference(model, tmp_path / "a.safetensors", config=config))
    assert all(origin.startswith("read from") for _, origin in origins(opened).values())
    assert origins(opened)["s_z_init"][0] == 10.0
    partly = {name: value for name, value in config.items() if name != "s_z_scale"}
    opened = open_checkpoint(write_reference(model, tmp_path / "b.safetensors", config=partly))
    assert origins(opened)["s_z_scale"] == (0.25, "assumed")


def test_a_constant_that_does_not_exist_is_refused(layouts: dict[str, Path]) -> None:
    with pytest.raises(WrongOption, match=r"no constant alpa_init; did you mean alpha_init\? its"):
        open_checkpoint(layouts["reference_ngpt"], constants={"alpa_init": 0.1})
    with pytest.raises(WrongOption, match=r"gpt2 has no constant alpha_init.*are: none"):
        open_checkpoint(layouts["gpt2"], constants={"alpha_init": 0.1})


def test_a_scale_of_zero_is_refused_not_divided_by(tmp_path: Path) -> None:
    arguments = {"n_head": 4, "base_scale": 0.0}
    path = write_nvidia(tiny_ngpt(), tmp_path / "ckpt.pt", model_args=arguments)
    with pytest.raises(WrongOption, match="base_scale is 0"):
        open_checkpoint(path)


@pytest.mark.parametrize(
    ("layout", "step", "label"),
    [
        ("reference_ngpt", 7, "ngpt"),
        ("nvidia_ngpt", 3, "nvidia"),
        ("nanogpt", 11, "nano"),
        ("gpt2", None, "gpt2"),
        ("gpt2-bin", None, "gpt2-bin"),
        ("llama-sharded", None, "llama-sharded"),
    ],
)
def test_the_step_is_what_the_file_says_and_the_label_its_folder_where_it_says_none(
    layout: str, step: int | None, label: str, layouts: dict[str, Path]
) -> None:
    opened = open_checkpoint(layouts[layout])
    assert (opened.step, opened.label) == (step, label)


def test_a_telling_file_name_is_the_label(tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "baseline.safetensors")
    assert open_checkpoint(path).label == "baseline"
    assert open_checkpoint(path, label="mine").label == "mine"


def labels(*paths: Path) -> list[str]:
    return [model.label for model in distinct([open_checkpoint(path) for path in paths])]


def test_labels_tell_checkpoints_apart(tmp_path: Path) -> None:
    gpt = tiny_gpt()
    for place in ("old/gpt", "new/gpt"):
        for step in (1, 2):
            write_reference(gpt, tmp_path / place / f"step-{step:06d}.safetensors", step=step)
    old, new = tmp_path / "old/gpt", tmp_path / "new/gpt"
    one, two = old / "step-000001.safetensors", old / "step-000002.safetensors"
    assert labels(one, two) == ["gpt", "gpt"], "steps of one run: the step column tells"
    assert labels(old, new) == ["old/gpt", "new/gpt"]
    assert labels(one, two, new) == ["old/gpt", "old/gpt", "new/gpt"]
    assert labels(one, one) == ["gpt #1", "gpt #2"]
    for shards, place in ((1, "a/llama"), (3, "b/llama")):
        write_llama(gpt, tmp_path / place, shards=shards)
    assert labels(tmp_path / "a/llama", tmp_path / "b/llama") == ["a/llama", "b/llama"]
    shutil.copy(one, tmp_path / "x.safetensors")
    write_gpt2(gpt, tmp_path / "x")
    assert len(set(labels(tmp_path / "x.safetensors", tmp_path / "x"))) == 2
