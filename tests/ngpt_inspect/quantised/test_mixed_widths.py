"""Checkpoints whose modules have different widths, against NumPy's reading of single bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ngpt_inspect.formats import read_contents
from ngpt_inspect.stored import StoredTensor

Arrays = dict[str, np.ndarray]
DRAW = np.random.default_rng(14)


def packed(codes: np.ndarray, bits: int) -> np.ndarray:
    """Pack rows into 32-bit words as one stream of bits each, lowest first, padded with zeros."""
    stream = (codes[..., None] >> np.arange(bits) & 1).reshape(len(codes), -1).astype(np.uint8)
    stream = np.pad(stream, ((0, 0), (0, -stream.shape[1] % 32)))
    return np.packbits(stream, axis=1, bitorder="little").view(np.int32)


def read(folder: Path, arrays: Arrays, config: dict[str, Any]) -> dict[str, StoredTensor]:
    tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"quantization_config": config}))
    return dict(read_contents(folder).tensors)


def compressed(name: str, bits: int, n_out: int, n_in: int) -> tuple[Arrays, np.ndarray]:
    """Return a module as compressed-tensors keeps it, in two groups, and its values."""
    codes, zeros = (DRAW.integers(0, 2**bits, (n_out, n)) for n in (n_in, 2))
    scales = DRAW.random((n_out, 2)).astype(np.float32)
    arrays = {
        f"{name}.weight_packed": packed(codes, bits),
        f"{name}.weight_scale": scales,
        f"{name}.weight_shape": np.array([n_out, n_in]),
        f"{name}.weight_zero_point": packed(zeros.T, bits).T,
    }
    each = np.repeat(np.arange(2), n_in // 2)
    return arrays, scales.astype(float)[:, each] * (codes - zeros[:, each])


def groups(*widths: int, **more: str) -> dict[str, Any]:
    weights = [{"num_bits": bits, "type": "int", **more} for bits in widths]
    return {f"group_{n}": {"weights": each} for n, each in enumerate(weights)}


@pytest.mark.parametrize("form", ["pack-quantized", "mixed-precision"])
def test_compressed_tensors(form: str, tmp_path: Path) -> None:
    widths = {"q": 4, "k": 8, "v": 3, "o": 5}
    made = {name: compressed(name, bits, 10, 70) for name, bits in widths.items()}
    config = {"format": form, "config_groups": groups(*widths.values())}
    found = read(tmp_path, {k: v for arrays, _ in made.values() for k, v in arrays.items()}, config)
    assert {name: tensor.dtype for name, tensor in found.items()} == {
        f"{name}.weight": f"int{bits}" for name, bits in widths.items()
    }
    for name, (_, expected) in made.items():
        np.testing.assert_array_equal(found[f"{name}.weight"].read().numpy(), expected)
        np.testing.assert_array_equal(found[f"{name}.weight"].read(3, 8).numpy(), expected[3:8])


def test_one_odd_width_of_compressed_tensors(tmp_path: Path) -> None:
    arrays, expected = compressed("q", 6, 9, 50)
    config = {"format": "pack-quantized", "config_groups": groups(6)}
    (tensor,) = read(tmp_path, arrays, config).values()
    np.testing.assert_array_equal(tensor.read().numpy(), expected)


def test_a_width_that_sizes_do_not_tell(tmp_path: Path) -> None:
    """Four inputs of 4 or of 8 bits are one word."""
    arrays, _ = compressed("q", 4, 10, 4)
    config = {"format": "pack-quantized", "config_groups": groups(4, 8)}
    assert "whose width" in read(tmp_path, arrays, config)["q.weight_packed"].obstacle


def gptq(name: str, bits: int, n_groups: int, n_in: int, n_out: int) -> tuple[Arrays, np.ndarray]:
    codes = DRAW.integers(0, 2**bits, (n_in, n_out))
    zeros = DRAW.integers(0, 2**bits - 1, (n_groups, n_out))
    scales = DRAW.random((n_groups, n_out)).astype(np.float16)
    arrays = {
        f"{name}.qweight": packed(codes.T, bits).T,
        f"{name}.qzeros": packed(zeros, bits),
        f"{name}.scales": scales,
    }
    each = np.repeat(np.arange(n_groups), n_in // n_groups)
    values = scales.astype(np.float32)[each] * (codes - zeros[each] - 1).astype(np.float32)
    return arrays, values.T


def test_gptq_whose_modules_differ(tmp_path: Path) -> None:
    widths = {"q": (4, 2), "k": (8, 4), "v": (3, 1), "o": (2, 2)}
    made = {name: gptq(name, bits, n, 64, 32) for name, (bits, n) in widths.items()}
    arrays = {k: v for each, _ in made.values() for k, v in each.items()}
    config = {"quant_method": "gptq", "bits": 4, "group_size": 32}
    found = read(tmp_path, arrays, config | {"dynamic": {r"+:.*k": {"bits": 8}}})
    for name, (_, expected) in made.items():
        assert found[f"{name}.weight"].dtype == f"GPTQ int{widths[name][0]}"
        np.testing.assert_array_equal(found[f"{name}.weight"].read().numpy(), expected)
    said = read(tmp_path, arrays, config)
    assert "do not fit" in said["k.qweight"].obstacle, "nothing says that modules differ"
