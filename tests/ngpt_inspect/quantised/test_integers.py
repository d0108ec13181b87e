"""Integer codes that are not packed as GPTQ's: LLM.int8, W8A8, MLX; and codes across words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from models import LLAMA_NAMES, named, tiny_gpt
from quantised_helpers import Tensors, check_values, only, packed, write

import ngpt_inspect as ni
from ngpt_inspect.errors import InspectError
from ngpt_inspect.formats import read_contents

GENERATOR = torch.Generator().manual_seed(3)


def int8(*shape: int) -> torch.Tensor:
    return torch.randint(-127, 128, shape, dtype=torch.int8, generator=GENERATOR)


@pytest.mark.parametrize("layout", [None, 0])
def test_llm_int8(layout: int | None, tmp_path: Path) -> None:
    codes, scb = int8(6, 8), torch.rand(6)
    parts = {"q_proj.weight": codes, "q_proj.SCB": scb}
    if layout is not None:
        parts["q_proj.weight_format"] = torch.tensor(layout, dtype=torch.uint8)
    tensor = only(write(tmp_path, parts))
    assert (tensor.name, tensor.shape, tensor.dtype) == ("q_proj.weight", (6, 8), "int8")
    expected = codes.double() * (scb.double()[:, None] / 127)
    check_values(tensor, expected, 2, 5)
    assert tensor.obstacle == ""


def test_llm_int8_laid_out_for_a_kernel(tmp_path: Path) -> None:
    layout = torch.tensor(2, dtype=torch.uint8)
    parts = {"w.weight": int8(6, 8), "w.SCB": torch.rand(6), "w.weight_format": layout}
    with pytest.raises(InspectError, match="laid out for a kernel"):
        only(write(tmp_path, parts)).read()


def test_int8_in_groups_of_the_size_that_the_config_says(tmp_path: Path) -> None:
    codes, scales = int8(6, 8), torch.rand(6, 2)
    groups = {"group_0": {"weights": {"num_bits": 8, "type": "int", "group_size": 5}}}
    parts = {"w.weight": codes, "w.weight_scale": scales}
    tensor = only(write(tmp_path, parts, {"config_groups": groups}))
    check_values(tensor, codes.double() * scales.double()[:, torch.arange(8) // 5], 1, 3)


@pytest.mark.parametrize(
    "scale", [(6, 1), (6,), (1,), (), (6, 2), (6, 4)], ids=lambda shape: f"scale {shape}"
)
@pytest.mark.parametrize("zero", [False, True])
def test_int8_of_compressed_tensors(scale: tuple[int, ...], zero: bool, tmp_path: Path) -> None:
    codes, scales = int8(6, 8), torch.rand(scale).bfloat16()
    parts = {"w.weight": codes, "w.weight_scale": scales}
    zeros = torch.zeros(scale, dtype=torch.int8)
    if zero:
        zeros = torch.randint(-5, 5, scale, dtype=torch.int8)
        parts["w.weight_zero_point"] = zeros
    tensor = only(write(tmp_path, parts))

    def wide(each: torch.Tensor) -> torch.Tensor:
        each = each.double().reshape(*(scale if len(scale) == 2 else (max(scale, default=1), 1)))
        return each.repeat_interleave(8 // each.shape[1], 1)

    expected = (codes.double() - wide(zeros)) * wide(scales)
    check_values(tensor, expected, 1, 3)


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn])
@pytest.mark.parametrize("before", ["w._weight_", "w.weight._"], ids=["torchao", "quanto"])
def test_8_bits_of_torchao_and_quanto(before: str, dtype: torch.dtype, tmp_path: Path) -> None:
    names = f"{before}{'qdata' if before[2] == '_' else 'data'}", f"{before}scale"
    codes, scales = int8(6, 8).to(dtype), torch.rand(6, 1)
    beside = {"w.input_scale": torch.ones(1), "w.output_scale": torch.ones(1)}
    parts = dict(zip(names, (codes, scales), strict=True))
    tensor = only(write(tmp_path / "a", parts | beside))
    assert tensor.name == "w.weight"
    assert torch.equal(tensor.read().double(), codes.double() * scales.double())
    other = write(tmp_path / "b", parts | {"w.weight": torch.ones(6, 8)})
    assert set(read_contents(other).tensors) == {*names, "w.weight"}, "not in another's place"


@pytest.mark.parametrize("scale", [(5, 1), (6, 3), (6, 8, 1), (0,)])
def test_int8_with_a_scale_that_does_not_fit(scale: tuple[int, ...], tmp_path: Path) -> None:
    parts = {"w.weight": int8(6, 8), "w.weight_scale": torch.rand(scale)}
    read = read_contents(write(tmp_path, parts)).tensors
    assert read["w.weight"].obstacle.startswith("its parts do not fit: w.weight [6, 8], w.weight_s")


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_mlx(bits: int, dtype: torch.dtype, tmp_path: Path) -> None:
    codes = torch.randint(2**bits, (5, 96), generator=GENERATOR)
    scales, biases = torch.rand(5, 3).to(dtype), torch.randn(5, 3).to(dtype)
    parts = {
        "up_proj.weight": packed(codes, bits).view(torch.uint32),
        "up_proj.scales": scales,
        "up_proj.biases": biases,
    }
    said = {"group_size": 32, "bits": 2 if bits == 3 else 3, "up_proj": {"bits": bits}}
    tensor = only(write(tmp_path, parts, quantization=said))
    assert (tensor.name, tensor.shape) == ("up_proj.weight", (5, 96))
    assert tensor.dtype == f"MLX int{bits}"
    expected = torch.empty(5, 96, dtype=torch.float64)
    for column in range(96):
        scale, bias = (each[:, column // 32].double() for each in (scales, biases))
        expected[:, column] = codes[:, column] * scale + bias
    check_values(tensor, expected, 1, 4)


def test_mlx_experts_side_by_side(tmp_path: Path) -> None:
    codes = torch.randint(16, (3 * 5, 64), generator=GENERATOR)
    parts = {
        "up.weight": packed(codes, 4).view(torch.uint32).reshape(3, 5, 8),
        "up.scales": torch.rand(3, 5, 2),
        "up.biases": torch.rand(3, 5, 2),
    }
    tensor = only(write(tmp_path, parts, quantization={"group_size": 32, "bits": 4}))
    scales, biases = (
        parts[f"up.{n}"].double().repeat_interleave(32, -1) for n in ("scales", "biases")
    )
    expected = codes.reshape(3, 5, 64) * scales + biases
    check_values(tensor, expected, 1, 2)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "quantised by MLX, in mode 'affine' and None bits"),
        ({"bits": 4, "group_size": 16}, "its parts do not fit"),
        ({"bits": 4, "group_size": 0}, "its parts do not fit"),
        ({"bits": 4, "group_size": "x"}, "its parts do not fit"),
        ({"bits": 7, "group_size": 32}, "and 7 bits"),
        ({"bits": 4, "group_size": 32, "mode": "mxfp4"}, "in mode 'mxfp4'"),
    ],
)
def test_mlx_that_cannot_be_read(said: dict[str, Any], why: str, tmp_path: Path) -> None:
    words = torch.zeros(4, 8, dtype=torch.int32).view(torch.uint32)
    parts = {"w.weight": words, "w.scales": torch.ones(4, 2), "w.biases": torch.ones(4, 2)}
    read = read_contents(write(tmp_path, parts, quantization=said)).tensors["w.weight"]
    assert why in read.obstacle


def test_mlx_without_its_biases(tmp_path: Path) -> None:
    words = torch.zeros(4, 8, dtype=torch.int32).view(torch.uint32)
    folder = write(tmp_path, {"w.weight": words}, quantization={"group_size": 32, "bits": 4})
    assert only(folder).obstacle == "quantised by MLX, and w.scales and w.biases are missing"


def test_a_rounding_error_is_that_of_a_simulation(tmp_path: Path) -> None:
    exact = torch.randn(64, 128, generator=GENERATOR, dtype=torch.float64)
    scb = exact.abs().amax(1)
    codes = torch.round(exact / scb[:, None] * 127).to(torch.int8)
    tensor = only(write(tmp_path, {"w.weight": codes, "w.SCB": scb}))
    error = (tensor.read() - exact).norm() / exact.norm()
    assert tensor.rounding() == pytest.approx(float(error), rel=0.05)


def test_a_model_of_int8_is_measured(tmp_path: Path) -> None:
    tensors: Tensors = {}
    for name, each in named(tiny_gpt(), LLAMA_NAMES, torch.float32).items():
        if "_proj" in name:
            scb = each.abs().amax(1)
            tensors[name] = torch.round(each / scb[:, None] * 127).to(torch.int8)
            tensors[name.replace(".weight", ".SCB")] = scb
        else:
            tensors[name] = each
    model = ni.open_checkpoint(write(tmp_path, tensors, num_attention_heads=4), heads=4)
    assert (model.architecture, model.unrecognised) == ("llama", ())
    table = ni.measure(model, "condition_numbers")
    assert not (table["status"] == "skipped").any()
