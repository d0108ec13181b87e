"""Codes and scales of any dtype and shape: decoded, or refused in a line, never a crash."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents
from ngpt_inspect.stored import ITEM_BITS

NAMES = (
    *("w.weight", "w.weight_scale", "w.weight_scale_inv", "w.weight_scale_2", "w.qscale_weight"),
    *("w_blocks", "w_scales", "w.qweight", "w.qzeros", "w.scales", "w.g_idx"),
    *("w.weight.absmax", "w.weight.quant_map", "w.weight.nested_absmax"),
    *("w.weight.nested_quant_map", "w.weight_packed", "w.weight_shape", "w.weight_zero_point"),
    *("w.SCB", "w.weight_format", "w.biases", "w.weight_g_idx", "w.weight_global_scale"),
    *("w._weight_qdata", "w._weight_scale", "w.weight._data", "w.input_scale"),
    *("w.weight._data._data", "w.weight._scale", "w.weight._shift", "w._weight_zero_point"),
)
DTYPES = ("F8_E4M3", "F8_E5M2", "F8_E8M0", "F32", "F16", "BF16", "U8", "I32", "F4", "BOOL", "I8")
DTYPES += ("U32",)
SIZES = st.sampled_from((0, 1, 2, 4, 8, 16, 32, 256))
SHAPES = st.lists(SIZES, max_size=4)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "quant_method": st.sampled_from(("fp8", "gptq", "awq", "mxfp4", 3)),
        "bits": st.sampled_from((2, 3, 4, 8, "4", None)),
        "group_size": st.sampled_from((-1, 0, 4, 16, 128, "x")),
        "weight_block_size": st.sampled_from(([4, 4], [0, 1], [128, 128], [2], "x", [1, 2, 3])),
        "format": st.just("pack-quantized"),
        "config_groups": st.sampled_from((3, {}, {"a": 3}, {"a": {"weights": {"num_bits": 4}}})),
        "checkpoint_format": st.sampled_from(("gptq", "gptq_v2")),
    },
)
STATES = st.fixed_dictionaries(
    {},
    optional={
        "shape": st.sampled_from(([4, 8], [2, 2], [10**9, 10**9], [-1], "x", [])),
        "blocksize": st.sampled_from((4, 64, 0, -1, "x", 1.5)),
        "nested_blocksize": st.sampled_from((1, 256, 0, None)),
        "nested_offset": st.sampled_from((0.5, "x", None)),
    },
)
TENSORS = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.sampled_from(DTYPES), SHAPES), min_size=1, max_size=7
)


@settings(max_examples=150)  # of so many combinations fewer leave refusals unseen
@given(tensors=TENSORS, config=CONFIGS, state=st.none() | STATES, seed=st.integers(0, 9))
def test_any_parts(
    tensors: dict[str, tuple[str, list[int]]],
    config: dict[str, Any],
    state: dict[str, Any] | None,
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    header: dict[str, Any] = {}
    data = b""

    def add(name: str, dtype: str, shape: list[int], values: bytes) -> None:
        nonlocal data
        end = len(data) + len(values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), end]}
        data += values

    for name, (dtype, shape) in tensors.items():
        bits = math.prod(shape) * ITEM_BITS[dtype]
        if bits % 8 == 0 and bits < 2**20:
            values = torch.randint(256, (bits // 8,), generator=generator, dtype=torch.uint8)
            add(name, dtype, shape, values.numpy().tobytes())
    if state is not None:
        text = json.dumps(state).encode()
        add("w.weight.quant_state.bitsandbytes__nf4", "U8", [len(text)], text)
    folder = tmp_path_factory.mktemp("odd")
    head = json.dumps(header).encode()
    (folder / "m.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + data)
    (folder / "config.json").write_text(
        json.dumps({"quantization_config": config, "quantization": config})
    )
    with suppress(UnreadableFile):
        for tensor in read_contents(folder).tensors.values():
            assert tensor.n_bytes <= len(data)
            if not tensor.obstacle:
                assert tuple(tensor.read().shape) == tensor.shape
                assert tensor.rounding() is None or tensor.rounding() != 0
