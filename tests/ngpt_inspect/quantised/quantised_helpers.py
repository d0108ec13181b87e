"""What the tests of quantised weights share: folders as they are published, and codes packed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ngpt_inspect.formats import read_contents
from ngpt_inspect.stored import StoredTensor

Tensors = dict[str, torch.Tensor]
Module = tuple[Tensors, torch.Tensor]
"""What a file holds of a weight, and its values."""


def write(folder: Path, tensors: Tensors, said: dict[str, Any] | None = None, **more: Any) -> Path:
    """Write a folder as Hugging Face would, with an index, so that torch's readers take it."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "model-00001-of-00001.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / name)
    index = {"metadata": {}, "weight_map": dict.fromkeys(tensors, name)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps({"quantization_config": said or {}} | more))
    return folder


def only(source: Any) -> StoredTensor:
    (tensor,) = read_contents(source).tensors.values()
    return tensor


def check_values(tensor: StoredTensor, expected: torch.Tensor, start: int, stop: int) -> None:
    """Compare all values with what they should be, and some rows read alone."""
    assert torch.equal(tensor.read().double(), expected.double())
    assert torch.equal(tensor.read(start, stop).double(), expected[start:stop].double())


def packed(integers: torch.Tensor, bits: int, axis: int = 1) -> torch.Tensor:
    """Pack rows, or columns, into 32-bit words as one long integer each, lowest bits first."""
    words = []
    for row in (integers.T if axis == 0 else integers).tolist():
        long = sum(value << bits * i for i, value in enumerate(row))
        words.append([long >> at & 0xFFFFFFFF for at in range(0, len(row) * bits, 32)])
    out = torch.tensor(words, dtype=torch.int64)
    out = torch.where(out >= 2**31, out - 2**32, out).to(torch.int32)
    return (out.T if axis == 0 else out).contiguous()


def gptq(
    bits: int, n_groups: int, n_in: int, n_out: int, *, ordered: bool = False, second: bool = False
) -> Module:
    """Return a module as GPTQ packs it; its second format no longer stores zeros less one."""
    codes = torch.randint(2**bits, (n_in, n_out))
    zeros = torch.randint(2**bits - 1, (n_groups, n_out))
    scales = torch.rand(n_groups, n_out).half()
    order = (torch.randperm(n_in) if ordered else torch.arange(n_in)) // (n_in // n_groups)
    parts = {"qweight": packed(codes, bits, 0), "qzeros": packed(zeros, bits), "scales": scales}
    parts |= {"g_idx": order.to(torch.int32)} if ordered else {}
    values = scales.float()[order] * (codes - zeros[order] - int(not second))
    return parts, values.T


def compressed(
    bits: int,
    n_out: int,
    n_in: int,
    n_groups: int,
    *,
    symmetric: bool = False,
    dtype: torch.dtype = torch.float32,
    group: int | None = None,
) -> Module:
    """Return a module as compressed-tensors packs it; without `group` its groups are equal."""
    codes, zeros = torch.randint(2**bits, (n_out, n_in)), torch.randint(2**bits, (n_out, n_groups))
    scales = torch.rand(n_out, n_groups).to(dtype)
    parts = {
        "weight_packed": packed(codes, bits),
        "weight_scale": scales,
        "weight_shape": torch.tensor([n_out, n_in]),
    }
    if symmetric:
        zeros = torch.full_like(zeros, 2 ** (bits - 1))
    else:
        beyond = torch.randint(2**bits, (32, n_groups))  # what ends a word means nothing
        words = packed(torch.cat([zeros, beyond]), bits, 0)
        parts["weight_zero_point"] = words[: -(-n_out * bits // 32)].contiguous()
    of = torch.arange(n_in) // (group or n_in // n_groups)
    return parts, scales.double()[:, of] * (codes - zeros[:, of])


def under(name: str, parts: Tensors) -> Tensors:
    return {f"{name}.{part}": tensor for part, tensor in parts.items()}
