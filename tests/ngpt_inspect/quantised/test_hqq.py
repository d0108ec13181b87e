"""HQQ beside a decoder that follows the library's description number by number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from models import LLAMA_NAMES, named, tiny_gpt
from quantised_helpers import Tensors, check_values, only, under, write

import ngpt_inspect as ni
from ngpt_inspect.formats import read_contents

GROUP = 8


def packed(codes: list[list[int]], bits: int, width: int) -> torch.Tensor:
    """Pack rows: row r of n goes to item r % step, the first step rows in the highest bits."""
    n = width // bits
    step = -(-len(codes) // n)
    rows = codes + [[0] * len(codes[0])] * (step * n - len(codes))
    columns = range(len(codes[0]))
    items = [
        [sum(rows[k * step + r][c] << bits * (n - 1 - k) for k in range(n)) for c in columns]
        for r in range(step)
    ]
    return torch.tensor(items).to(torch.uint8 if width == 8 else torch.int32)


def quantised(shape: tuple[int, int], bits: int, width: int, axis: int) -> tuple[Tensors, Any]:
    """Return a module's tensors, and its weight as Python's floats compute it."""
    draw = torch.Generator().manual_seed(bits * 2 + axis)
    n = shape[0] * shape[1] // GROUP
    seen = (n, GROUP) if axis else (GROUP, n)
    codes = torch.randint(0, 2**bits, seen, generator=draw)
    flat = (n, 1) if axis else (1, n)
    scale, zero = ((torch.rand(flat, generator=draw) + 0.5).half() for _ in "sz")
    values = [
        (int(codes[r, c]) - float(zero[r if axis else 0, 0 if axis else c]))
        * float(scale[r if axis else 0, 0 if axis else c])
        for r in range(seen[0])
        for c in range(seen[1])
    ]
    tensors = {
        "W_q": packed(codes.tolist(), bits, width),
        "scale": scale,
        "zero": zero,
        "shape": torch.tensor(shape),
        "nbits": torch.tensor(bits),
        "axis": torch.tensor(axis),
        "group_size": torch.tensor(GROUP),
        "packing": torch.tensor([ord(c) for c in "4bit_u8"], dtype=torch.uint8),
    }
    return tensors, torch.tensor(values, dtype=torch.float64).reshape(shape)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("bits", "width"), [(8, 8), (4, 8), (2, 8), (1, 8), (3, 32), (4, 32)])
def test_values(bits: int, width: int, axis: int, tmp_path: Path) -> None:
    parts, expected = quantised((6, 16), bits, width, axis)
    tensor = only(write(tmp_path, under("q_proj", parts)))
    assert (tensor.name, tensor.shape, tensor.dtype) == ("q_proj.weight", (6, 16), f"HQQ int{bits}")
    check_values(tensor, expected, 2, 5)
    assert tensor.obstacle == ""


def test_bits_and_axis_of_the_config(tmp_path: Path) -> None:
    parts, expected = quantised((6, 16), 4, 8, 1)
    kept = {f"w.{name}": parts[name] for name in ("W_q", "scale", "zero", "shape")}
    params = {"nbits": 4, "axis": 1, "group_size": GROUP}
    said = {"quant_method": "hqq", "quant_config": {"weight_quant_params": params}}
    tensor = only(write(tmp_path, kept, said))
    assert torch.equal(tensor.read(), expected)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"shape": None}, "without shape"),
        ({"nbits": torch.tensor(5)}, "5 bits"),
        ({"axis": torch.tensor(7)}, "axis 7"),
        ({"scale": torch.ones(3, 1).half()}, "do not fit"),
        ({"shape": torch.tensor([6, 17])}, "do not fit"),
        ({"shape": torch.tensor([2**40, 2**40])}, "do not fit"),
        ({"shape": torch.tensor([-6, -16])}, "do not fit"),
    ],
)
def test_what_does_not_fit_is_said(
    change: dict[str, torch.Tensor | None], why: str, tmp_path: Path
) -> None:
    parts = quantised((6, 16), 4, 8, 1)[0] | change
    tensors = {f"w.{name}": each for name, each in parts.items() if each is not None}
    contents = read_contents(write(tmp_path, tensors))
    assert why in contents.tensors["w.W_q"].obstacle


def test_a_model_is_placed_and_measured(tmp_path: Path) -> None:
    tensors = named(tiny_gpt(), LLAMA_NAMES, torch.float32)
    name = next(name for name in tensors if name.endswith("q_proj.weight"))
    rows, columns = tensors.pop(name).shape
    parts, expected = quantised((rows, columns), 4, 8, 1)
    tensors |= {name.replace("weight", part): each for part, each in parts.items()}
    checkpoint = ni.open_checkpoint(write(tmp_path, tensors, num_attention_heads=4))
    assert (checkpoint.architecture, checkpoint.unrecognised) == ("llama", ())
    weight = next(each for each in checkpoint if each.tensor.name == name)
    assert torch.equal(weight.values(), expected)
