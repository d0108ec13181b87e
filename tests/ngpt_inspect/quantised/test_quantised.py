"""Codes and scales decoded exactly, against torch's own readers and the written formulas."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from quantised_helpers import Tensors, check_values, compressed, gptq, only, packed, under, write

from ngpt_inspect.errors import InspectError
from ngpt_inspect.formats import read_contents


@pytest.mark.filterwarnings("ignore")
def by_torch(folder: Path, name: str, shape: tuple[int, ...], block: int = 128) -> torch.Tensor:
    """Read a tensor with torch's reader of quantised Hugging Face checkpoints."""
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.quantized_hf_storage import QuantizedHuggingFaceStorageReader

    state = {name: torch.empty(shape)}
    reader = QuantizedHuggingFaceStorageReader(str(folder), block_size=block)
    dcp.load(state, storage_reader=reader, no_dist=True)
    return state[name]


def float8(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(shape, generator=generator) * 100).to(torch.float8_e4m3fn)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", [(256, 384), (200, 130), (60, 300)])
def test_float8_in_tiles(shape: tuple[int, int], tmp_path: Path) -> None:
    scales = torch.rand(math.ceil(shape[0] / 128), math.ceil(shape[1] / 128)) / 100
    folder = write(tmp_path, {"w.weight": float8(*shape), "w.weight_scale_inv": scales})
    tensor = only(folder)
    assert (tensor.name, tensor.shape, tensor.dtype) == ("w.weight", shape, "F8_E4M3")
    assert tensor.n_bytes == math.prod(shape) + scales.numel() * 4
    assert tensor.note == "F8_E4M3 of w.weight, w.weight_scale_inv"
    expected = by_torch(folder, "w.weight", shape)
    assert tensor.read().dtype == torch.float64, "a product of 4 and 24 bits needs 28"
    assert torch.equal(tensor.read().float(), expected)
    assert torch.equal(tensor.read(30, 50).float(), expected[30:50])


@pytest.mark.filterwarnings("ignore")
def test_float8_in_tiles_of_the_size_the_config_names(tmp_path: Path) -> None:
    scales = torch.rand(4, 2).bfloat16().float()
    tensors = {"w.weight": float8(64, 32), "w.weight_scale_inv": scales}
    folder = write(tmp_path, tensors, {"weight_block_size": [16, 16]})
    expected = by_torch(folder, "w.weight", (64, 32), block=16)
    assert torch.equal(only(folder).read().float(), expected)


SCALES = {
    "tensor": torch.tensor(0.03),
    "one": torch.tensor([0.03]),
    "row": torch.rand(6, 1),
    "row, flat": torch.rand(6),
    "column": torch.rand(1, 8),
    "half": torch.rand(6, 1).bfloat16(),
    "power of two": torch.tensor([[2.0**-5]] * 6).to(torch.float8_e8m0fnu),
}


@pytest.mark.parametrize("suffix", ["weight_scale", "weight_scale_inv", "qscale_weight"])
@pytest.mark.parametrize("name", SCALES)
def test_float8_with_a_scale_of(name: str, suffix: str, tmp_path: Path) -> None:
    codes, scale = float8(6, 8), SCALES[name]
    tensor = only(write(tmp_path, {"w.weight": codes, f"w.{suffix}": scale}))
    wide = scale.double().reshape(6, 1) if scale.shape == (6,) else scale.double()
    check_values(tensor, codes.double() * wide, 2, 4)


def test_experts_side_by_side(tmp_path: Path) -> None:
    codes, scale = float8(3, 4, 8), torch.rand(3, 4)
    tensor = only(write(tmp_path, {"up": codes, "up_scale": scale}))
    assert torch.equal(tensor.read(), codes.double() * scale.double()[:, :, None])


def test_a_missing_scale_is_refused_and_named(tmp_path: Path) -> None:
    tensors = {"a.weight": float8(4, 4), "a.weight_scale": torch.ones(1), "b.weight": float8(4, 4)}
    read = read_contents(write(tmp_path / "beside", tensors)).tensors
    assert list(read) == ["a.weight", "b.weight"]
    assert read["a.weight"].obstacle == ""
    expected = "stored as F8_E4M3, and its scale (b.weight_scale_inv) is missing"
    assert read["b.weight"].obstacle == read["b.weight"].note == expected
    folder = write(tmp_path / "config", {"b.weight": float8(4, 4)}, {"quant_method": "fp8"})
    assert only(folder).obstacle == expected
    plain = only(write(tmp_path / "plain", {"b.weight": float8(4, 4)}))
    assert plain.obstacle == "", "a cast, of which nothing says that it was scaled"


def test_a_scale_that_does_not_fit_is_refused_and_named(tmp_path: Path) -> None:
    tensors = {"w.weight": float8(300, 4), "w.weight_scale": torch.ones(2, 1)}
    why = read_contents(write(tmp_path, tensors)).tensors["w.weight"].obstacle
    assert (
        why == "stored as F8_E4M3, and its scale w.weight_scale does not fit: [300, 4] and [2, 1]"
    )


def test_mxfp4_as_in_gpt_oss(tmp_path: Path) -> None:
    """Against the library of another format that keeps the same numbers in another order."""
    gguf = pytest.importorskip("gguf")
    generator = torch.Generator().manual_seed(2)
    blocks = torch.randint(256, (2, 6, 3, 16), dtype=torch.uint8, generator=generator)
    scales = torch.randint(110, 140, (2, 6, 3), dtype=torch.uint8, generator=generator)
    tensor = only(write(tmp_path, {"e.up_blocks": blocks, "e.up_scales": scales}))
    assert (tensor.name, tensor.shape, tensor.dtype) == ("e.up", (2, 6, 96), "MXFP4")
    codes = torch.stack((blocks & 15, blocks >> 4), -1).reshape(2, 6, 3, 32)
    halves = codes[..., :16] | codes[..., 16:] << 4
    theirs = torch.cat((scales.unsqueeze(-1), halves), -1).reshape(12, 3 * 17).numpy()
    expected = gguf.quants.dequantize(theirs, gguf.GGMLQuantizationType.MXFP4)
    assert torch.equal(tensor.read(), torch.from_numpy(expected).reshape(2, 6, 96))
    assert torch.equal(tensor.read(1, 2), tensor.read()[1:2])
    assert tensor.n_bytes == blocks.numel() + scales.numel()


def test_mxfp4_of_compressed_tensors_is_that_of_gpt_oss_in_two_axes(tmp_path: Path) -> None:
    codes = torch.randint(256, (6, 3, 16), dtype=torch.uint8)
    scales = torch.randint(110, 140, (6, 3), dtype=torch.uint8)
    ours = only(write(tmp_path / "a", {"w_blocks": codes, "w_scales": scales}))
    theirs = {"w.weight_packed": codes.reshape(6, 48), "w.weight_scale": scales}
    tensor = only(write(tmp_path / "b", theirs))
    assert (tensor.name, tensor.shape, tensor.dtype) == ("w.weight", (6, 96), "MXFP4")
    assert torch.equal(tensor.read(), ours.read())


def test_mxfp4_without_scales_or_with_others(tmp_path: Path) -> None:
    blocks = torch.zeros(2, 6, 3, 16, dtype=torch.uint8)
    alone = only(write(tmp_path / "alone", {"e.up_blocks": blocks}))
    assert alone.obstacle == "stored as 4-bit codes, and their scales (e.up_scales) are missing"
    scales = torch.zeros(2, 6, 2, dtype=torch.uint8)
    read = read_contents(write(tmp_path / "odd", {"e.up_blocks": blocks, "e.up_scales": scales}))
    assert "do not fit: [2, 6, 3, 16] and [2, 6, 2] of U8" in read.tensors["e.up_blocks"].obstacle


@pytest.mark.parametrize("is_over", [False, True], ids=["ModelOpt", "compressed-tensors"])
def test_nvfp4(is_over: bool, tmp_path: Path) -> None:
    levels = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6])
    chosen = torch.randint(16, (4, 32))
    codes = (chosen[:, 0::2] | chosen[:, 1::2] << 4).to(torch.uint8)
    groups, whole = (torch.rand(4, 2) * 100).to(torch.float8_e4m3fn), torch.tensor(0.0123)
    named = ("w.weight_packed", "w.weight_global_scale", "w.input_global_scale")
    names = named if is_over else ("w.weight", "w.weight_scale_2", "w.input_scale")
    tensors = dict(zip(names, (codes, whole, torch.ones(1)), strict=True))
    tensor = only(write(tmp_path, tensors | {"w.weight_scale": groups}))
    assert (tensor.shape, tensor.dtype) == ((4, 32), "NVFP4")
    whole = 1 / whole.double() if is_over else whole.double()
    expected = levels[chosen].double() * groups.double().repeat_interleave(16, 1) * whole
    assert torch.allclose(tensor.read(), expected, rtol=1e-15, atol=0)
    assert torch.equal(tensor.read(1, 3), tensor.read()[1:3])


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
def test_gptq(bits: int, second: bool, ordered: bool, tmp_path: Path) -> None:
    parts, expected = gptq(bits, 4, 64, 32, ordered=ordered, second=second)
    config = {"quant_method": "gptq", "bits": bits, "group_size": 16}
    config |= {"checkpoint_format": "gptq_v2"} if second else {}
    tensor = only(write(tmp_path, under("q_proj", parts), config))
    assert (tensor.name, tensor.shape) == ("q_proj.weight", (32, 64))
    assert tensor.dtype == f"GPTQ int{bits}"
    check_values(tensor, expected, 3, 9)


@pytest.mark.parametrize("said", [{}, {"quant_method": "gptq", "bits": 8, "group_size": 16}])
def test_gptq_whose_config_is_beside(said: dict[str, object], tmp_path: Path) -> None:
    """AutoGPTQ: ``quantize_config.json``, which config.json goes before."""
    parts, expected = gptq(8 if said else 4, 4, 64, 32)
    folder = write(tmp_path, under("q_proj", parts), said)
    beside = {"bits": 4, "group_size": 16, "damp_percent": 0.01, "desc_act": False, "sym": True}
    (folder / "quantize_config.json").write_text(json.dumps(beside))
    check_values(only(folder), expected, 3, 9)


WORDS = {"w.qweight": torch.zeros(4, 8, dtype=torch.int32)}
SIDES = {"w.qzeros": torch.zeros(1, 1, dtype=torch.int32), "w.scales": torch.ones(1, 8).half()}
WILD = {"w.g_idx": torch.full((32,), 7, dtype=torch.int32)}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": -1}


@pytest.mark.parametrize(
    ("tensors", "config", "why"),
    [
        (WORDS, GPTQ, "stored as GPTQ codes, and w.qzeros and w.scales are missing"),
        (WORDS | SIDES, GPTQ | {"bits": 5}, "GPTQ of 5 bits is not unpacked"),
        (WORDS | SIDES, GPTQ | {"bits": 4.0}, "GPTQ of 4.0 bits is not unpacked"),
        (WORDS | SIDES | {"w.scales": torch.ones(2, 8).half()}, GPTQ, "its parts do not fit"),
        (WORDS | SIDES, {}, "stored as I32, not as floating-point numbers"),
        (WORDS | SIDES, GPTQ | {"bits": "w" * 999}, "GPTQ of "),
    ],
)
def test_gptq_that_cannot_be_read(
    tensors: Tensors, config: dict[str, Any], why: str, tmp_path: Path
) -> None:
    said = read_contents(write(tmp_path, tensors, config)).tensors["w.qweight"].obstacle
    assert said.startswith(why)
    assert len(said) < 310, "what a file says is cut"


def test_gptq_of_groups_that_are_not_there(tmp_path: Path) -> None:
    assert only(write(tmp_path / "good", WORDS | SIDES, GPTQ)).obstacle == ""
    wild = only(write(tmp_path / "wild", WORDS | SIDES | WILD, GPTQ))
    why = r"00001.safetensors: tensor w.weight: its g_idx names groups that are not there"
    with pytest.raises(InspectError, match=why):
        wild.read()


def test_awq(tmp_path: Path) -> None:
    """Packed by the published order of outputs in a word; see arXiv 2306.00978 and AutoAWQ."""
    n_inputs, n_outputs, group = 32, 24, 16
    codes = torch.randint(16, (n_inputs, n_outputs))
    zeros = torch.randint(16, (n_inputs // group, n_outputs))
    scales = torch.rand(n_inputs // group, n_outputs).half()

    def shuffled(integers: torch.Tensor) -> torch.Tensor:
        eights = integers.reshape(len(integers), -1, 8)
        return packed(eights[:, :, [0, 2, 4, 6, 1, 3, 5, 7]].flatten(1), 4)

    parts = {"w.qweight": shuffled(codes), "w.qzeros": shuffled(zeros), "w.scales": scales}
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm"}
    tensor = only(write(tmp_path / "awq", parts, config))
    assert (tensor.name, tensor.shape, tensor.dtype) == ("w.weight", (24, 32), "AWQ int4")
    wide = scales.float().repeat_interleave(group, 0)
    expected = (wide * (codes - zeros.repeat_interleave(group, 0))).T
    check_values(tensor, expected, 5, 13)
    other = read_contents(write(tmp_path / "gemv", parts, config | {"version": "gemv"}))
    assert "another kernel than GEMM" in other.tensors["w.qweight"].obstacle
    del parts["w.scales"]
    lost = read_contents(write(tmp_path / "lost", parts, config)).tensors["w.qweight"]
    assert lost.obstacle == "stored as AWQ codes, and w.scales are missing"


def nf4_state(name: str, shape: list[int], **more: object) -> Tensors:
    settings = {"quant_type": "nf4", "blocksize": 64, "shape": shape, "dtype": "bfloat16"}
    text = json.dumps(settings | more).encode()
    return {f"{name}.quant_state.bitsandbytes__nf4": torch.tensor(list(text), dtype=torch.uint8)}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("shape", [(6, 64), (5, 51)])
def test_nf4(shape: tuple[int, int], nested: bool, tmp_path: Path) -> None:
    levels = torch.tensor([-1.0, *torch.linspace(-0.7, 0.72, 14).tolist(), 1.0])
    n = math.prod(shape)
    codes = torch.randint(16, (n + n % 2,))
    absmax = torch.rand(-(-n // 64))
    tensors = {
        "w.weight": (codes[0::2] << 4 | codes[1::2]).to(torch.uint8).unsqueeze(1),
        "w.weight.quant_map": levels,
        "w.weight.absmax": absmax,
    }
    state: dict[str, object] = {}
    wide = absmax.double()
    if nested:
        table, second = torch.linspace(-1, 1, 256), torch.rand(-(-len(absmax) // 4))
        chosen = torch.randint(256, absmax.shape)
        tensors["w.weight.absmax"] = chosen.to(torch.uint8)
        tensors |= {"w.weight.nested_absmax": second, "w.weight.nested_quant_map": table}
        state = {"nested_blocksize": 4, "nested_offset": 0.25, "nested_dtype": "float32"}
        each = second.repeat_interleave(4)[: len(absmax)]
        wide = table[chosen].double() * each.double() + 0.25
    tensor = only(write(tmp_path, tensors | nf4_state("w.weight", list(shape), **state)))
    assert (tensor.shape, tensor.dtype) == (shape, "NF4")
    expected = levels[codes[:n]].double() * wide.repeat_interleave(64)[:n]
    check_values(tensor, expected.reshape(shape), 1, 4)
    assert 0.01 < (tensor.rounding() or 0) < 0.3


def test_nf4_that_cannot_be_read(tmp_path: Path) -> None:
    codes = {"w.weight": torch.zeros(32, 1, dtype=torch.uint8)}
    rest = {"w.weight.quant_map": torch.zeros(16), "w.weight.absmax": torch.ones(1)}

    def why(name: str, tensors: Tensors) -> str:
        return read_contents(write(tmp_path / name, tensors)).tensors["w.weight"].obstacle

    assert why("good", codes | rest | nf4_state("w.weight", [1, 64])) == ""
    lost = why("lost", codes | nf4_state("w.weight", [1, 64]))
    assert lost == "stored as NF4 codes, and w.weight.quant_map and w.weight.absmax are missing"
    huge = why("huge", codes | rest | nf4_state("w.weight", [10**9, 10**9]))
    assert huge == "stored as NF4 codes that its quant_state does not fit"
    odd = codes | rest
    odd["w.weight.quant_state.bitsandbytes__nf4"] = torch.zeros(3, dtype=torch.uint8)
    assert why("odd", odd) == "stored as NF4 codes that its quant_state does not fit"


def int_config(bits: object) -> dict[str, Any]:
    groups = {"group_0": {"weights": {"num_bits": bits, "type": "int", "strategy": "group"}}}
    return {"format": "pack-quantized", "config_groups": groups}


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_packed_integers(bits: int, symmetric: bool, dtype: torch.dtype, tmp_path: Path) -> None:
    parts, expected = compressed(bits, 10, 48, 3, symmetric=symmetric, dtype=dtype)
    tensors = under("w", parts)
    tensor = only(write(tmp_path / "good", tensors, int_config(bits)))
    assert (tensor.name, tensor.shape, tensor.dtype) == ("w.weight", (10, 48), f"int{bits}")
    check_values(tensor, expected, 3, 7)
    tensors["w.weight_shape"] = torch.tensor([10, 47])
    with pytest.raises(InspectError, match=r"w.weight_shape is not \[10, 48\], what is packed"):
        only(write(tmp_path / "padded", tensors, int_config(bits))).read()
    other = read_contents(write(tmp_path / "other", tensors, int_config(3)))
    assert "whose width" in other.tensors["w.weight_packed"].obstacle
    del tensors["w.weight_scale"]
    lost = read_contents(write(tmp_path / "lost", tensors, int_config(bits)))
    expected = "stored as packed integers, and w.weight_scale are missing"
    assert lost.tensors["w.weight_packed"].obstacle == expected


def test_packed_integers_whose_inputs_were_reordered(tmp_path: Path) -> None:
    codes, scales = torch.randint(16, (10, 48)), torch.rand(10, 3)
    order = torch.randperm(48) // 16
    parts = {"w.weight_packed": packed(codes, 4), "w.weight_scale": scales}
    parts |= {"w.weight_shape": torch.tensor([10, 48]), "w.weight_g_idx": order.int()}
    tensor = only(write(tmp_path / "a", parts, int_config(4)))
    assert torch.equal(tensor.read(), scales.double()[:, order] * (codes - 8))
    never = parts | {"w.weight_g_idx": torch.full((48,), -1, dtype=torch.int32)}
    in_order = scales.double().repeat_interleave(16, 1) * (codes - 8)
    assert torch.equal(only(write(tmp_path / "b", never, int_config(4))).read(), in_order)
    lost = parts | {"w.weight_g_idx": torch.full((48,), 3, dtype=torch.int32)}
    with pytest.raises(InspectError, match="g_idx names groups that are not there"):
        only(write(tmp_path / "c", lost, int_config(4))).read()


@pytest.mark.parametrize("bits", [[4], {}, [1] * 9])
def test_a_width_that_is_no_number(bits: object, tmp_path: Path) -> None:
    tensors = {"w.weight_packed": torch.zeros(8, 2, dtype=torch.int32)}
    read = read_contents(write(tmp_path, tensors, int_config(bits))).tensors
    assert "whose width" in read["w.weight_packed"].obstacle


@pytest.mark.parametrize("offset", [10**400, float("inf"), float("nan"), "0.25", None])
def test_an_nf4_offset_that_no_scale_has(offset: object, tmp_path: Path) -> None:
    tensors = {
        "w.weight": torch.zeros(32, 1, dtype=torch.uint8),
        "w.weight.quant_map": torch.zeros(16),
        "w.weight.absmax": torch.zeros(1, dtype=torch.uint8),
        "w.weight.nested_absmax": torch.ones(1),
        "w.weight.nested_quant_map": torch.ones(256),
    }
    state = nf4_state("w.weight", [1, 64], nested_blocksize=4, nested_offset=offset)
    tensor = read_contents(write(tmp_path, tensors | state)).tensors["w.weight"]
    assert tensor.obstacle == "stored as NF4 codes that its quant_state does not fit"


@pytest.mark.parametrize("method", ["awq", "gptq"])
def test_codes_of_one_of_two_models_in_a_file(method: str, tmp_path: Path) -> None:
    """What tells the models apart is no part of the names that codes and scales are found by."""
    words = torch.zeros(16, 2, dtype=torch.int32) if method == "awq" else torch.zeros(2, 16).int()
    module = {"qweight": words, "qzeros": torch.zeros(1, 2).int(), "scales": torch.ones(1, 16)}
    tensors = {
        f"{model}.layers.{layer}.w.{name}": part.half() if name == "scales" else part.clone()
        for model in ("model", "ema")
        for layer in (0, 1)
        for name, part in module.items()
    }
    tables = {f"{model}.embed.weight": torch.ones(32, 16) for model in ("model", "ema")}
    config = {"quant_method": method, "bits": 4, "version": "gemm", "group_size": 16}
    read = read_contents(write(tmp_path, tensors | tables, config), "ema").tensors
    assert sorted(read) == ["embed.weight", "layers.0.w.weight", "layers.1.w.weight"]
    assert not any(tensor.obstacle for tensor in read.values())
