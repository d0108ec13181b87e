"""A corpus of hostile checkpoints: small good ones of every format, and how to damage them."""

from __future__ import annotations

import json
import os
import pickletools
import shutil
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from models import tiny_ngpt, write_reference
from safetensors.torch import save_file

CANARY = "canary"
"""The file, in the current folder, that every command in the corpus would create."""
Damage = Callable[[bytes], bytes]


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A good checkpoint, in bytes: what is opened, what is damaged, and how."""

    opened: str
    files: Mapping[str, bytes] = field(repr=False)
    damages: Mapping[str, st.SearchStrategy[Damage]] = field(repr=False)
    """Strategies by the name of the file each is for."""

    def write(self, folder: Path, changed: Mapping[str, bytes]) -> Path:
        """Write it anew, some files changed, among links and pipes that an index could name."""
        shutil.rmtree(folder, ignore_errors=True)
        for name, data in {**self.files, **changed}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        (folder / "a folder").mkdir()
        for name, target in {"loop": "loop", "dangling": "nowhere", "device": "/dev/zero"}.items():
            (folder / name).symlink_to(target)
        os.mkfifo(folder / "pipe")
        return folder / self.opened

    def examples(self) -> st.SearchStrategy[dict[str, bytes]]:
        """Draw one file of it, damaged, by its name."""
        return st.one_of(
            damage.map(lambda change, name=name: {name: change(self.files[name])})
            for name, damage in self.damages.items()
        )


# --- Bytes of any format -------------------------------------------------------------------------

INTEGERS = (-1, 0, 1, 2, 7, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1)
INTEGERS += (-(2**63), 2**40, 10**9)
PLACES = st.floats(0, 1, exclude_max=True)
EDITS = st.one_of(
    st.tuples(st.just("flip"), PLACES, st.integers(1, 255)),
    st.tuples(st.just("number"), PLACES, st.sampled_from((1, 2, 4, 8)), st.sampled_from(INTEGERS)),
    st.tuples(st.just("cut"), PLACES),
    st.tuples(st.just("insert"), PLACES, st.binary(min_size=1, max_size=16)),
    st.tuples(st.just("drop"), PLACES, st.integers(1, 64)),
    st.tuples(st.just("copy"), PLACES, PLACES, st.integers(1, 64)),
)


def _edited(data: bytes, edits: list[tuple[Any, ...]]) -> bytes:
    for kind, place, *rest in edits:
        at = int(place * len(data))
        match kind, rest:
            case "flip", (mask,):
                data = data[:at] + bytes(each ^ mask for each in data[at : at + 1]) + data[at + 1 :]
            case "number", (width, value):
                packed = (value % 256**width).to_bytes(width, "little")
                data = data[:at] + packed + data[at + width :]
            case "cut", ():
                data = data[:at]
            case "insert", (more,):
                data = data[:at] + more + data[at:]
            case "drop", (count,):
                data = data[:at] + data[at + count :]
            case "copy", (source, count):
                start = int(source * len(data))
                data = data[:at] + data[start : start + count] + data[at:]
    return data


RAW: st.SearchStrategy[Damage] = st.lists(EDITS, min_size=1, max_size=4).map(
    lambda edits: lambda data: _edited(data, edits)
)
"""Cuts, flips, moved pieces, and numbers where others stood."""

# --- JSON ----------------------------------------------------------------------------------------

TWICE, DEEP = "<the key comes twice>", "<nested deeply>"
HOSTILE = (
    *(-1, 0, 1, 1.5, True, None, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, -(10**400)),
    *(1e308, float("nan"), float("inf"), "", "x" * 5000, "\ud800", "a\nb\x1b[2J", "\0", "{a}{0}"),
    *("../../../etc/passwd", "/etc/passwd", "..", ".", "C:\\x", "https://example.org/x", "F4"),
    *("C64", "I4", "F32", "F8_E8M0", "loop", "dangling", "device", "pipe", "a folder"),
    *("model.safetensors.index.json", "pytorch_model.bin.index.json", "config.json"),
    *([], {}, [[]], [0], [-1, -1], [2**62, 2**62], [0, 2**63 - 1], [1] * 65, {"a": {"b": [1]}}),
    *(TWICE, DEEP),
)
JSON_EDITS = st.lists(
    st.tuples(PLACES, st.sampled_from(("replace", "remove", "rename")), st.sampled_from(HOSTILE)),
    min_size=1,
    max_size=3,
)


def _nodes(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) in a JSON value."""
    pairs = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [found for key, inner in pairs for found in ((value, key), *_nodes(inner))]


def _edited_json(text: bytes, edits: list[tuple[float, str, Any]]) -> bytes:
    value = json.loads(text)
    for place, kind, hostile in edits:
        nodes = _nodes(value)
        if not nodes:
            break
        holder, key = nodes[int(place * len(nodes))]
        if kind == "remove":
            del holder[key]
        elif kind == "rename" and isinstance(holder, dict) and isinstance(hostile, str):
            holder[hostile] = holder.pop(key)
        else:
            holder[key] = json.loads(json.dumps(hostile))
    out = json.dumps(value).replace(json.dumps(DEEP), "[" * 50_000 + "]" * 50_000)
    return out.replace(json.dumps(TWICE), '1, "twice": 2, "twice": 3').encode()


JSON: st.SearchStrategy[Damage] = st.one_of(
    RAW, JSON_EDITS.map(lambda edits: lambda text: _edited_json(text, edits))
)
"""Values, keys and nesting that do not belong."""


def _edited_header(data: bytes, edits: list[tuple[float, str, Any]]) -> bytes:
    end = 8 + int.from_bytes(data[:8], "little")
    header = _edited_json(data[8:end], edits)
    return len(header).to_bytes(8, "little") + header + data[end:]


def _edited_metadata(data: bytes, edits: list[tuple[float, str, Any]]) -> bytes:
    """Damage the JSON that is a text within the JSON of the header."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    for key, text in header["__metadata__"].items():
        header["__metadata__"][key] = _edited_json(text.encode(), edits).decode()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[end:]


METADATA: st.SearchStrategy[Damage] = JSON_EDITS.map(
    lambda edits: lambda data: _edited_metadata(data, edits)
)
SAFETENSORS: st.SearchStrategy[Damage] = st.one_of(
    RAW, JSON_EDITS.map(lambda edits: lambda data: _edited_header(data, edits))
)

# --- Pickles -------------------------------------------------------------------------------------


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


RUN = _text(f"touch {CANARY}")
SYSTEM = (b"cos\nsystem\n", b"cposix\nsystem\n", _text("os") + _text("system") + b"\x93")
EVAL = b"cbuiltins\neval\n", b"c__builtin__\nexec\n", b"cbuiltins\ngetattr\n"
INSTRUCTIONS = (
    *(function + RUN + b"\x85R" for function in SYSTEM),
    *(function + _text(f"open({CANARY!r}, 'w')") + b"\x85R" for function in EVAL),
    *(b"(" + RUN + b"ios\nsystem\n", b"(cos\nsystem\n" + RUN + b"o"),
    *(b"cos\nsystem\n" + RUN + b"\x85\x81", b"cos\nsystem\n" + RUN + b"\x85}\x92"),
    b"csubprocess\nPopen\n" + RUN + b"\x85\x81}" + _text("__setstate__") + SYSTEM[0] + b"sb",
    *(*SYSTEM, *EVAL, b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n"),
    *(b"c_codecs\nencode\n", b"cnumpy.core.multiarray\nscalar\n", b"cpathlib\nPosixPath\n"),
    *(b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00", b"Pspam\n", b"Q", b"2", b"I7\n", b"."),
    *(b"0", b"1", b"(", b")", b"N", b"]", b"}", b"\x8f", b"\x88", b"t", b"\x85", b"\x86", b"\x87"),
    *(b"a", b"e", b"s", b"u", b"b", b"R", b"\x81", b"\x90", b"\x91", b"\x92", b"\x93", b"\x94"),
    *(b"h\x00", b"h\x01", b"h\x05", b"h\xff", b"j\xff\xff\xff\xff", b"q\x00", b"r\xff\xff\xff\xff"),
    *(b"K\x00", b"J\xff\xff\xff\xff", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"\x8b\xff\xff\xff\x7f"),
    *(b"\x8a\x20" + b"\x7f" * 32, b"G\x7f\xf8" + bytes(6), b"\x95" + b"\xff" * 8, b"\x80\x09"),
    *(_text("0"), _text("../x"), _text("model"), b"B\xff\xff\xff\x7f", b"\x8d" + b"\xff" * 8),
)
PICKLE_EDITS = st.lists(
    st.tuples(
        PLACES, st.sampled_from(("before", "instead", "without")), st.sampled_from(INSTRUCTIONS)
    ),
    min_size=1,
    max_size=4,
)


def _edited_pickle(data: bytes, edits: list[tuple[float, str, bytes]]) -> bytes:
    starts = [place or 0 for _, _, place in pickletools.genops(data)] + [len(data)]
    steps = [data[a:b] for a, b in pairwise(starts)]
    for place, kind, instruction in edits:
        at = int(place * len(steps))
        steps[at : at + (kind != "before")] = [instruction] if kind != "without" else []
    return b"".join(steps)


PICKLE: st.SearchStrategy[Damage] = st.one_of(
    RAW, PICKLE_EDITS.map(lambda edits: lambda data: _edited_pickle(data, edits))
)
"""Instructions that call, look up, or leave the stack in disorder."""

# --- Zip archives --------------------------------------------------------------------------------

ENTRY_NAMES = (
    "x/data.pkl",
    "../../x",
    "/etc/passwd",
    "x/data/0",
    "x/constants.pkl",
    "x.npy",
    "\x1b",
)


def _rezipped(data: bytes, change: Callable[[dict[str, bytes]], None], packed: int) -> bytes:
    """Return the archive written anew after a change of its entries."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    out = BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        for name, each in entries.items():
            archive.writestr(name, each)
    return out.getvalue()


def _changed_entry(suffix: str, damage: Damage) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        name = next(name for name in entries if name.endswith(suffix))
        entries[name] = damage(entries[name])

    return change


def _moved_entry(place: float, name: str, keep: bool) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        old = list(entries)[int(place * len(entries))]
        entries[name] = entries[old]
        if not keep and name != old:
            del entries[old]

    return change


def _patched_directory(data: bytes, edits: list[tuple[float, tuple[int, int], int]]) -> bytes:
    """Overwrite fields of the directory's records and of its end (APPNOTE.TXT, 4.3.12, 4.3.16)."""
    marks = [at for at in range(len(data) - 3) if data[at : at + 4] in (b"PK\1\2", b"PK\5\6")]
    out = bytearray(data)
    for place, (offset, width), value in edits:
        at = marks[int(place * len(marks))] + offset
        out[at : at + width] = (value % 256**width).to_bytes(width, "little")
    return bytes(out)


FIELDS = ((8, 2), (10, 2), (12, 4), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4))
PACKED = st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
CHANGES = st.one_of(
    PICKLE.map(lambda damage: _changed_entry("data.pkl", damage)),
    RAW.map(lambda damage: _changed_entry("data/0", damage)),
    st.builds(_moved_entry, PLACES, st.sampled_from(ENTRY_NAMES), st.booleans()),
)
ZIP: st.SearchStrategy[Damage] = st.one_of(
    RAW,
    st.lists(
        st.tuples(PLACES, st.sampled_from(FIELDS), st.sampled_from(INTEGERS)),
        min_size=1,
        max_size=3,
    ).map(lambda edits: lambda data: _patched_directory(data, edits)),
    st.tuples(CHANGES, PACKED).map(lambda each: lambda data: _rezipped(data, *each)),
)
"""Entries, records and the pickle inside that do not agree with each other."""

# --- Good checkpoints ----------------------------------------------------------------------------


def llama(width: int = 8) -> dict[str, torch.Tensor]:
    """Return the state dict of a Llama of one layer."""
    layer = {f"self_attn.{name}_proj": (width, width) for name in "qkvo"}
    layer |= {"mlp.gate_proj": (2 * width, width), "mlp.up_proj": (2 * width, width)}
    layer |= {"mlp.down_proj": (width, 2 * width)}
    layer |= dict.fromkeys(("input_layernorm", "post_attention_layernorm"), (width,))
    shapes = {"model.embed_tokens": (6, width), "model.norm": (width,), "lm_head": (6, width)}
    shapes |= {f"model.layers.0.{name}": shape for name, shape in layer.items()}
    generator = torch.Generator().manual_seed(5)
    return {f"{n}.weight": torch.randn(shape, generator=generator) for n, shape in shapes.items()}


CONFIG = {
    "model_type": "llama",
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "num_hidden_layers": 1,
    "rope_scaling": {"factor": 2.0, "type": "linear"},
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [4, 4]},
}


def _safetensors(at: Path) -> Mapping[str, st.SearchStrategy[Damage]]:
    settings = json.dumps({"config": {"n_head": 2, "alpha": 0.05}, "step": 3})
    save_file(llama(), at / "model.safetensors", {"format": "pt", "reference_model": settings})
    return {"model.safetensors": SAFETENSORS}


def _constants(at: Path) -> Mapping[str, st.SearchStrategy[Damage]]:
    write_reference(tiny_ngpt(), at / "model.safetensors")
    return {"model.safetensors": METADATA}


def _with_config(at: Path) -> Mapping[str, st.SearchStrategy[Damage]]:
    save_file(llama(), at / "model.safetensors")
    (at / "config.json").write_text(json.dumps(CONFIG))
    return {"config.json": JSON}


def _float8(at: Path) -> Mapping[str, st.SearchStrategy[Damage]]:
    state = llama()
    name = "model.layers.0.self_attn.q_proj.weight"
    state[name] = state[name].to(torch.float8_e4m3fn)
    save_file({**state, f"{name}_scale_inv": torch.ones(2, 2)}, at / "model.safetensors")
    (at / "config.json").write_text(json.dumps(CONFIG))
    return {"model.safetensors": SAFETENSORS, "config.json": JSON}


def _sharded(at: Path) -> Mapping[str, st.SearchStrategy[Damage]]:
    parts = list(llama().items())
    names = [f"model-0000{i + 1}-of-00002.safetensors" for i in range(2)]
    for i, name in enumerate(names):
        save_file(dict(parts[i::2]), at / name)
    index = {key: names[i % 2] for i, (key, _) in enumerate(parts)}
    text = json.dumps({"metadata": {"total_size": 9}, "weight_map": index})
    (at / "model.safetensors.index.json").write_text(text)
    return {"model.safetensors.index.json": JSON, names[1]: SAFETENSORS}


def _torch(at: Path) -> Mapping[str, st.SearchStrategy[Damage]]:
    kept = {"config": {"n_head": 2, "lr": np.float64(0.5)}, "step": 3, "loss": torch.ones(())}
    torch.save({"model": llama(), "where": Path("a/b"), **kept}, at / "x.pt")
    return {"x.pt": ZIP}


def _sharded_torch(at: Path) -> Mapping[str, st.SearchStrategy[Damage]]:
    torch.save(llama(), at / "part.bin")
    index = {"weight_map": dict.fromkeys(llama(), "part.bin")}
    (at / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return {"pytorch_model.bin.index.json": JSON, "part.bin": ZIP}


def _distributed(at: Path) -> Mapping[str, st.SearchStrategy[Damage]]:
    import torch.distributed.checkpoint as dcp

    dcp.save({"model": llama(), "step": 3, "args": {"n_head": 2}}, checkpoint_id=at, no_dist=True)
    return {".metadata": PICKLE, "__0_0.distcp": RAW}


GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "model.layers.0.input_layernorm": "blk.0.attn_norm",
    "model.layers.0.post_attention_layernorm": "blk.0.ffn_norm",
    **{f"model.layers.0.self_attn.{name}_proj": f"blk.0.attn_{name}" for name in "qkv"},
    "model.layers.0.self_attn.o_proj": "blk.0.attn_output",
    **{f"model.layers.0.mlp.{name}_proj": f"blk.0.ffn_{name}" for name in ("gate", "up", "down")},
}


def _gguf(at: Path) -> Mapping[str, st.SearchStrategy[Damage]]:
    import gguf

    writer = gguf.GGUFWriter(at / "x.gguf", "llama")
    writer.add_head_count(2)
    writer.add_embedding_length(32)
    writer.add_array("tokenizer.ggml.tokens", ["<s>", "a", "b"])
    writer.add_array("tokenizer.ggml.scores", [0.0, -1.5, 2.0])
    for name, values in llama(32).items():
        kind = gguf.GGMLQuantizationType.F32
        if values.ndim == 2 and "q_proj" in name:
            kind = gguf.GGMLQuantizationType.Q8_0
        packed = gguf.quants.quantize(values.numpy(), kind)
        writer.add_tensor(f"{GGUF_NAMES[name[:-7]]}.weight", packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = RAW.map(lambda damage: lambda data: damage(data[:1400]) + data[1400:])
    return {"x.gguf": RAW | header}


SEEDS: dict[str, tuple[str, Callable[[Path], Mapping[str, st.SearchStrategy[Damage]]]]] = {
    "safetensors": ("model.safetensors", _safetensors),
    "constants": ("model.safetensors", _constants),
    "config": ("", _with_config),
    "float8": ("", _float8),
    "sharded safetensors": ("", _sharded),
    "torch": ("x.pt", _torch),
    "sharded torch": ("pytorch_model.bin.index.json", _sharded_torch),
    "distributed": ("", _distributed),
    "gguf": ("x.gguf", _gguf),
}
"""What to open and what writes it, by the name of the format or of what is damaged."""


def seed(name: str, folder: Path) -> Seed:
    """Return a good checkpoint, after writing it once into an empty folder."""
    opened, write = SEEDS[name]
    folder.mkdir()
    damages = write(folder)
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return Seed(opened=opened, files=files, damages=damages)
