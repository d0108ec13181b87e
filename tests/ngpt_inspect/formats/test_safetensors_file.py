from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
import torch
from formats_helpers import (
    counted_reads,
    refusal,
    safetensors_bytes,
    shared_weights,
    write_safetensors,
)
from safetensors.torch import load_file, save_file

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents
from ngpt_inspect.formats._values import TORCH_NAMES
from ngpt_inspect.formats.places import stamped as _stamped
from ngpt_inspect.stored import StoredTensor

DTYPES = {
    **{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16},
    **{"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2},
    **{"F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz},
    **{"F8_E8M0": torch.float8_e8m0fnu, "C64": torch.complex64, "BOOL": torch.bool},
    **{f"I{bits}": getattr(torch, f"int{bits}") for bits in (64, 32, 16, 8)},
    **{f"U{bits}": getattr(torch, f"uint{bits}") for bits in (8, 16, 32, 64)},
}


def bits(values: torch.Tensor) -> torch.Tensor:
    return values.contiguous().reshape(-1).view(torch.uint8)


def check_bits(tensor: StoredTensor, name: str, expected: torch.Tensor) -> None:
    assert (tensor.dtype, tensor.shape) == (name, tuple(expected.shape))
    assert tensor.read().dtype == expected.dtype
    assert torch.equal(bits(tensor.read()), bits(expected))
    assert torch.equal(bits(tensor.read(2, 5)), bits(expected[2:5]))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    values = {"w": torch.arange(12.0).reshape(4, 3), "v": torch.arange(5.0)}
    save_file(values, path, metadata={"format": "pt"})
    return path


@pytest.mark.parametrize("name", DTYPES)
def test_values_are_bit_for_bit_those_of_the_reference_reader(name: str, tmp_path: Path) -> None:
    raw = torch.randint(0, 256, (6, 5, 16), dtype=torch.uint8)
    raw = raw % 2 if name == "BOOL" else raw
    path = tmp_path / "model.safetensors"
    save_file({"first": torch.ones(3), "w": raw.view(DTYPES[name]), "z": torch.ones(2)}, path)
    expected = load_file(path)["w"]
    tensor = read_contents(path).tensors["w"]
    check_bits(tensor, name, expected)
    assert tensor.n_bytes == raw.numel()
    assert tensor.read(3, 3).shape == (0, *expected.shape[1:])


def test_scalar_and_empty_tensors(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    values = {
        "scalar": torch.tensor(2.5),
        "none": torch.empty(0, 7),
        "no_columns": torch.empty(3, 0),
    }
    save_file(values, path)
    tensors = read_contents(path).tensors
    for name, expected in values.items():
        assert tensors[name].shape == tuple(expected.shape)
        assert torch.equal(tensors[name].read(), expected)
    assert tensors["no_columns"].read(1, 3).shape == (2, 0)
    assert tensors["scalar"].read(0, 1) == 2.5


@pytest.mark.parametrize("rows", [(-1, 2), (3, 2), (0, 5), (5, None)])
def test_rows_that_are_not_there_are_a_mistake_of_the_caller(
    rows: tuple[int, int | None], small: Path
) -> None:
    with pytest.raises(IndexError, match=f"rows {rows[0]}:"):
        read_contents(small).tensors["w"].read(*rows)


def test_rows_of_a_scalar(tmp_path: Path) -> None:
    save_file({"scalar": torch.tensor(2.5)}, tmp_path / "x.safetensors")
    with pytest.raises(IndexError, match="rows 0:2 of a scalar"):
        read_contents(tmp_path).tensors["scalar"].read(0, 2)


def test_values_are_memory_of_their_own(small: Path) -> None:
    tensor = read_contents(small).tensors["w"]
    tensor.read().fill_(7)
    assert torch.equal(tensor.read(), torch.arange(12.0).reshape(4, 3))


def test_only_the_bytes_asked_for_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"big": torch.zeros(1000, 4096), "small": torch.ones(4)}, path)
    contents = read_contents(path)
    asked = counted_reads(monkeypatch)
    contents.tensors["small"].read()
    contents.tensors["big"].read(10, 12)
    assert asked == [16, 2 * 4096 * 4]


def test_metadata_that_is_json_becomes_config(tmp_path: Path) -> None:
    path = tmp_path / "step-000200.safetensors"
    settings = {"config": {"n_heads": 4}, "step": 200}
    others = {"format": "pt", "broken": "{no json", "list": "[1]", "metadata": "{}"}
    metadata = {"reference_model": json.dumps(settings), **others}
    save_file({"w": torch.ones(1)}, path, metadata=metadata)
    contents = read_contents(path)
    assert contents.config == {"reference_model": settings, "metadata": others}
    assert contents.find("n_heads") == (4, "reference_model.config.n_heads")
    assert (contents.source, contents.format) == (str(path), "safetensors")


def test_a_checkpoint_under_any_name(small: Path) -> None:
    renamed = small.rename(small.with_name("weights.bin"))
    assert set(read_contents(renamed).tensors) == {"w", "v"}


def entry(begin: int, end: int, shape: list[object] | None = None, dtype: str = "U8") -> object:
    shape = [end - begin] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def alone(n_bytes: int = 1, **said: object) -> bytes:
    """Return a file of one byte, of whose only tensor something else is said."""
    told = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]} | said
    return safetensors_bytes({"w": told}, bytes(n_bytes))


def spans(*places: tuple[int, int], n_bytes: int) -> bytes:
    """Return a file of tensors at these offsets."""
    entries = {name: entry(*place) for name, place in zip("ab", places, strict=False)}
    return safetensors_bytes(entries, bytes(n_bytes))


ONE = b'"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
NO_JSON = "the header is not valid JSON "
NO_SHAPE = "tensor 'w' has a shape that is not a list of whole numbers"
NO_OFFSETS = "tensor 'w' has data_offsets that are not two whole numbers"
NO_SIZE = "does not fill its offsets 0 to 0"
BROKEN = {
    "header beyond the file": (
        safetensors_bytes(b"{}", length=1000),
        "the header is cut short: 1000 bytes declared, 2 there",
    ),
    "header beyond reason": (
        safetensors_bytes(b"{}", length=2**63),
        f"declares a header of {2**63} bytes, more than the 100000000 the format allows",
    ),
    "no json": (safetensors_bytes(b"{nothing"), f"{NO_JSON}(Expecting"),
    "not utf-8": (safetensors_bytes(b'{"\xff": 1}'), f"{NO_JSON}('utf-8' codec"),
    "nested": (safetensors_bytes(DEEP), "the header is nested too deeply"),
    "twice": (
        safetensors_bytes(b"{" + ONE + b"," + ONE.replace(b"[0,1]", b"[1,2]") + b"}", bytes(2)),
        f"{NO_JSON}(the key 'w' comes twice)",
    ),
    "twice in a tensor": (
        safetensors_bytes(b"{" + ONE.replace(b'"sh', b'"shape":[1],"sh') + b"}", bytes(1)),
        f"{NO_JSON}(the key 'shape' comes twice)",
    ),
    "huge integer": (
        safetensors_bytes(b'{"w":' + b"9" * 5000 + b"}"),
        f"{NO_JSON}(Exceeds the limit",
    ),
    "no tensors": (safetensors_bytes({}), "holds no tensors"),
    "tensor is no object": (
        safetensors_bytes({"w": [1]}),
        "tensor 'w' is not described by a JSON object",
    ),
    "dtype": (
        alone(dtype="F3"),
        "tensor 'w' has the dtype 'F3', which the safetensors format does not know",
    ),
    "dtype of another type": (
        alone(dtype=[], shape=[]),
        "tensor 'w' has the dtype a value of type list, which",
    ),
    "shape": (alone(shape=[1.0]), NO_SHAPE),
    "negative shape": (alone(shape=[-1, -1]), NO_SHAPE),
    "true as a size": (alone(shape=[True]), NO_SHAPE),
    "too many axes": (
        alone(shape=[1] * 65),
        "tensor 'w' has 65 axes, more than the 64 torch allows",
    ),
    "three offsets": (alone(data_offsets=[0, 1, 2]), NO_OFFSETS),
    "negative offset": (alone(data_offsets=[-1, 0]), NO_OFFSETS),
    "backwards": (
        alone(4, shape=[2], data_offsets=[4, 2]),
        "tensor 'w' of shape [2] and dtype U8 does not fill its offsets 4 to 2",
    ),
    "wrong size": (
        safetensors_bytes({"w": entry(0, 4, [2], "I16"), "v": entry(4, 9, [3], "I16")}, bytes(9)),
        "tensor 'v' of shape [3] and dtype I16 does not fill its offsets 4 to 9",
    ),
    "size beyond 64 bits": (alone(0, shape=[2**62] * 4, data_offsets=[0, 0]), NO_SIZE),
    "size beyond a float": (alone(0, shape=[2**62] * 64, data_offsets=[0, 0]), NO_SIZE),
    "huge declared size": (
        alone(8, shape=[2**50], data_offsets=[0, 2**50]),
        f"the file is {2**50 - 8} bytes too short for its tensors",
    ),
    "overlap": (spans((0, 4), (2, 6), n_bytes=6), "'b' at offset 2 overlaps another tensor"),
    "same bytes twice": (spans((0, 4), (0, 4), n_bytes=4), "at offset 0 overlaps another tensor"),
    "gap": (spans((0, 2), (4, 6), n_bytes=6), "tensor 'b' at offset 4 leaves a gap before it"),
    "left over": (spans((0, 2), n_bytes=5), "3 bytes at its end belong to no tensor"),
    "metadata": (
        safetensors_bytes({"__metadata__": {"step": 3}, "w": entry(0, 1)}, bytes(1)),
        "__metadata__ does not map strings to strings",
    ),
    "control characters in a name": (
        safetensors_bytes({"a\x1b[2J\nb": [1]}),
        r"tensor 'a\x1b[2J\nb' is not described",
    ),
    "an endless name": (safetensors_bytes({"n" * 10_000: [1]}), "nnn'... is not described"),
    "an odd number of half bytes": (
        alone(2, dtype="F4", shape=[3], data_offsets=[0, 2]),
        "does not fill its offsets",
    ),
    "an empty tensor of impossible shape": (
        alone(0, shape=[2**62, 2**62, 0], data_offsets=[0, 0]),
        "torch cannot hold shape",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_header_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    data, expected = BROKEN[name]
    path.write_bytes(data)
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    assert expected in message


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({f"layer.{i}": torch.ones(7, 5) for i in range(9)}, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        message = refusal(path)
        assert "copy or download it again" in message or "the header" in message


def written_out(sign: int, exponent: int, fraction: int, bits: tuple[int, int], bias: int) -> float:
    """Return a small float from its three fields, as IEEE 754 defines it."""
    n_fraction = bits[1]
    if exponent == 0:
        return (-1.0) ** sign * 2.0 ** (1 - bias) * fraction / 2**n_fraction
    return (-1.0) ** sign * 2.0 ** (exponent - bias) * (1 + fraction / 2**n_fraction)


BYTES = {"F8_E4M3": (4, 3, 7), "F8_E5M2": (5, 2, 15), "F8_E4M3FNUZ": (4, 3, 8)}
BYTES["F8_E5M2FNUZ"] = (5, 2, 16)


@pytest.mark.parametrize("dtype", BYTES)
def test_every_byte_of_an_8_bit_float_means_what_its_fields_say(dtype: str, tmp_path: Path) -> None:
    n_exponent, n_fraction, bias = BYTES[dtype]
    path = write_safetensors(
        tmp_path / "m.safetensors", {"w": entry(0, 256, [256], dtype)}, bytes(range(256))
    )
    values = read_contents(path).tensors["w"].read().double()
    fields = (n_exponent, n_fraction)
    for code, value in enumerate(values.tolist()):
        if math.isfinite(value):
            exponent, fraction = (code & 0x7F) >> n_fraction, code & (2**n_fraction - 1)
            assert value == written_out(code >> 7, exponent, fraction, fields, bias), code
    # fn: NaN of either sign. E5M2: two infinities and six NaN. fnuz: one NaN, minus zero.
    lost = {"F8_E4M3": 2, "F8_E5M2": 8}.get(dtype, 1)
    assert int((~values.isfinite()).sum()) == lost


@pytest.mark.parametrize("shape", [[4, 6], [2, 2, 6], [8, 3]])
def test_half_bytes_mean_what_their_fields_say(shape: list[int], tmp_path: Path) -> None:
    data = bytes(range(0, 240, 20))
    header = {"packed": entry(0, 12, shape, "F4"), "w": entry(12, 14)}
    path = write_safetensors(tmp_path / "model.safetensors", header, data + bytes(2))
    tensor = read_contents(path).tensors["packed"]
    assert (tensor.n_bytes, tensor.read().dtype) == (12, torch.float16)
    halves = [half for byte in data for half in (byte & 15, byte >> 4)]
    expected = torch.tensor([written_out(h >> 3, h >> 1 & 3, h & 1, (2, 1), 1) for h in halves])
    assert torch.equal(tensor.read(), expected.reshape(shape).half())
    assert torch.equal(tensor.read(1, 2), expected.reshape(shape).half()[1:2])
    assert tensor.obstacle == "stored as F4, not as floating-point numbers"


@pytest.mark.parametrize("dtype", ["F6_E2M3", "F6_E3M2"])
def test_six_bits_a_value_are_listed_and_refused_when_read(dtype: str, tmp_path: Path) -> None:
    header = {"packed": entry(0, 18, [4, 6], dtype), "w": entry(18, 20)}
    path = write_safetensors(tmp_path / "model.safetensors", header, bytes(20))
    tensors = read_contents(path).tensors
    assert tensors["packed"].n_bytes == 18
    assert tensors["w"].read().tolist() == [0, 0]
    with pytest.raises(
        UnreadableFile, match=r"tensor 'packed': stored as F6.*packing.*convert it to BF16"
    ):
        tensors["packed"].read()


@pytest.mark.parametrize(
    "name", ["C64", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL", "F8_E8M0"]
)
def test_what_is_codes_and_not_weights(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"w": torch.zeros(2, 2, dtype=torch.uint8).view(torch.uint8).to(DTYPES[name])}, path)
    assert read_contents(path).tensors["w"].obstacle.startswith(f"stored as {name}, not as")


def test_a_dtype_this_torch_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"w": torch.ones(2).to(torch.float8_e8m0fnu)}, path)
    monkeypatch.setitem(TORCH_NAMES, "F8_E8M0", "a_dtype_of_a_later_torch")
    with pytest.raises(UnreadableFile, match="has no dtype for F8_E8M0; install a newer torch"):
        read_contents(path).tensors["w"].read()


def test_a_file_that_changes_after_opening_is_refused(small: Path) -> None:
    tensor = read_contents(small).tensors["w"]
    os.utime(small, ns=(0, 0))
    with pytest.raises(UnreadableFile, match="changed after it was opened; open it again"):
        tensor.read()
    small.unlink()
    with pytest.raises(UnreadableFile, match=r"cannot be read \(No such file or directory\)"):
        tensor.read()


def test_a_file_that_ends_early_although_its_size_says_otherwise(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensor = read_contents(small).tensors["w"]
    monkeypatch.setattr(_stamped.StampedFile, "_check_unchanged", lambda *_: None)
    small.write_bytes(small.read_bytes()[:-1])
    with pytest.raises(UnreadableFile, match="ended 1 bytes early"):
        tensor.read()


def test_real_weights() -> None:
    path = shared_weights("stories260K")
    expected = load_file(path / "model.safetensors")
    contents = read_contents(path)
    assert contents.config["config"]["model_type"] == "llama"
    assert contents.tensors.keys() == expected.keys()
    for name, values in expected.items():
        assert torch.equal(bits(contents.tensors[name].read()), bits(values))
