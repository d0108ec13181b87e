"""The small Llama of `good`, quantised in every way that is read here."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import torch
from safetensors.torch import save

from hostile.good import CONFIG, D, Files, llama

Tensors = dict[str, torch.Tensor]
NF4: dict[str, Any] = {
    **{"quant_type": "nf4", "blocksize": 32, "dtype": "bfloat16", "shape": [D, D]},
    **{"nested_blocksize": 4, "nested_offset": 0.25, "nested_dtype": "float32"},
}
STATE = "model.layers.0.self_attn.q_proj.weight.quant_state.bitsandbytes__nf4"
INT = {"group_0": {"weights": {"num_bits": 4, "type": "int", "strategy": "group"}}}
SETTINGS: dict[str, dict[str, Any]] = {
    "small floats": {"quant_method": "fp8", "weight_block_size": [4, 4]},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 4, "checkpoint_format": "gptq_v2"},
    "awq": {"quant_method": "awq", "bits": 4, "group_size": 4, "version": "gemm"},
    "packed": {"format": "pack-quantized", "config_groups": INT},
    "int8": {"quant_method": "bitsandbytes", "load_in_8bit": True},
    "mlx": {"bits": 4, "group_size": 8},
    "hqq": {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4}}},
}
QUANTISED = tuple(SETTINGS)


@cache
def quantised(kind: str) -> Files:
    """Return the files of a kind of `QUANTISED`."""
    key = "quantization" if kind == "mlx" else "quantization_config"
    config = CONFIG | {key: SETTINGS[kind]}
    return {"model.safetensors": weights(kind), "config.json": json.dumps(config).encode()}


def weights(kind: str, state: str = json.dumps(NF4)) -> bytes:
    """Return the quantised weights; `state` holds the settings of the one in NF4."""
    tensors: Tensors = {}
    for name, tensor in llama().items():
        tensors |= _coded(kind, name, tensor, state)
    of_torchao = {
        name.replace("._weight_qdata", ".weight") for name in tensors if "up_proj._" in name
    }
    return save(tensors, dict.fromkeys(of_torchao, '{"_type": "Int4Tensor"}'))


def _coded(kind: str, name: str, tensor: torch.Tensor, state: str) -> Tensors:
    """Return codes and scales in place of a matrix of a block, anything else as it is."""
    if "proj" not in name:
        return {name: tensor}
    out, n_in = tensor.shape
    stem = name.removesuffix("weight")
    words = lambda *shape: torch.full(shape, 0x12345678, dtype=torch.int32)  # noqa: E731
    match kind:
        case "gptq":
            order = torch.arange(n_in, dtype=torch.int32) // 4
            return {
                f"{stem}qweight": words(n_in // 8, out),
                f"{stem}qzeros": words(n_in // 4, out // 8),
                f"{stem}scales": torch.ones(n_in // 4, out).half(),
                f"{stem}g_idx": order,
            }
        case "awq":
            return {
                f"{stem}qweight": words(n_in, out // 8),
                f"{stem}qzeros": words(n_in // 4, out // 8),
                f"{stem}scales": torch.ones(n_in // 4, out).half(),
            }
        case "packed" if "o_proj" in name:
            return {
                f"{name}_packed": torch.full((out, n_in // 2), 0x21, dtype=torch.uint8),
                f"{name}_scale": torch.ones(out, n_in // 16).to(torch.float8_e4m3fn),
                f"{name}_global_scale": torch.tensor([2.0]),
                f"{stem}input_global_scale": torch.ones(1),
            }
        case "packed":
            order = torch.arange(n_in, dtype=torch.int32) // 4
            return {
                **({f"{name}_g_idx": order} if "q_proj" in name else {}),
                f"{name}_packed": words(out, n_in // 8),
                f"{name}_scale": torch.ones(out, n_in // 4),
                f"{name}_shape": torch.tensor([out, n_in]),
                f"{name}_zero_point": words(-(-out // 8), n_in // 4),
            }
        case "int8" if "down_proj" in name:  # as torchao names it
            codes = tensor.to(torch.int8)
            return {f"{stem}_weight_qdata": codes, f"{stem}_weight_scale": torch.ones(out, 1)}
        case "int8" if "up_proj" in name:
            sides = {f"{stem}_weight_{x}": torch.ones(2, out) for x in ("scale", "zero_point")}
            return {f"{stem}_weight_qdata": torch.ones(out, n_in // 2, dtype=torch.int8), **sides}
        case "int8":
            return {name: tensor.to(torch.int8), **_int8_scales(stem, name, out)}
        case "hqq":
            n = out * n_in // 8
            sides = {f"{stem}{side}": torch.ones(n, 1) for side in ("scale", "zero")}
            said = {"shape": [out, n_in], "axis": [1], "group_size": [8]}
            sides |= {f"{stem}{key}": torch.tensor(value) for key, value in said.items()}
            return {f"{stem}W_q": torch.full((n // 2, 8), 0x21, dtype=torch.uint8), **sides}
        case "mlx":
            sides = {f"{stem}{side}": torch.ones(out, n_in // 8) for side in ("scales", "biases")}
            return {name: words(out, n_in // 8).view(torch.uint32), **sides}
    return _small_float(name, tensor, state)


def _int8_scales(stem: str, name: str, out: int) -> Tensors:
    if "_proj.weight" in name and "self_attn" in name:
        layout = torch.tensor(0, dtype=torch.uint8)
        return {f"{stem}SCB": torch.ones(out), f"{stem}weight_format": layout}
    zeros = torch.ones(out, 1, dtype=torch.int8)
    return {f"{name}_scale": torch.ones(out, 1), f"{name}_zero_point": zeros}


def _small_float(name: str, tensor: torch.Tensor, state: str) -> Tensors:
    out, n_in = tensor.shape
    if "q_proj" in name:
        return {
            name: torch.full((out * n_in // 2, 1), 0x21, dtype=torch.uint8),
            f"{name}.quant_map": torch.linspace(-1, 1, 16),
            f"{name}.absmax": torch.arange(8, dtype=torch.uint8),
            f"{name}.nested_absmax": torch.ones(2),
            f"{name}.nested_quant_map": torch.linspace(-1, 1, 256),
            STATE: torch.tensor(list(state.encode("utf-8", "replace")), dtype=torch.uint8),
        }
    if "down_proj" in name:
        return {
            f"{name}_blocks": torch.full((out, n_in // 32, 16), 0x21, dtype=torch.uint8),
            f"{name}_scales": torch.full((out, n_in // 32), 120, dtype=torch.uint8),
        }
    if "o_proj" in name:
        return {
            name: torch.full((out, n_in // 2), 0x21, dtype=torch.uint8),
            f"{name}_scale": torch.ones(out, n_in // 16).to(torch.float8_e4m3fn),
            f"{name}_scale_2": torch.tensor(0.5),
        }
    scale = torch.ones(-(-out // 4), -(-n_in // 4))
    return {name: tensor.to(torch.float8_e4m3fn), f"{name}_scale_inv": scale}
