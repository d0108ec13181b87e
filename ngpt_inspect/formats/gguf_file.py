"""A GGUF file of llama.cpp: header by our own reader, blocks by the gguf library."""

import re
from collections.abc import Mapping
from typing import Any

from ngpt_inspect.errors import MissingLibrary, UnreadableFile
from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats.gguf.header import MAGIC, BlockEntry, read_header
from ngpt_inspect.formats.gguf.tensor import GGUFTensor
from ngpt_inspect.formats.places.folder import missing
from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.formats.places.readable import GET_AGAIN, ByteFile
from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.wording import quoted

PART = re.compile(r"(.*)-\d{5}-of-(\d{5})\.gguf")
PERMUTED = ("llama", "olmo", "granite", "granitemoe", "arcee", "smollm3")
"""Architectures whose converter (llama.cpp, conversion/llama.py: `permute`) interleaves the two
halves of each head of W_q and W_k, as its rotary embedding wants them."""
Q_OR_K = re.compile(r"blk\.\d+\.attn_([qk])\.(?:weight|bias)")
CONFIG = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "vocab_size": "vocab_size",
    "num_local_experts": "expert_count",
}
"""The names Hugging Face has for settings of an architecture."""


Types = Mapping[int, tuple[str, tuple[int, int]]]
"""What the gguf library knows of each type of ggml: its name, the values and bytes of a block."""


def _types() -> Types:
    try:
        import gguf
    except ImportError:
        raise MissingLibrary(
            "GGUF files need the gguf library", next_step="pip install 'ngpt-inspect[gguf]'"
        ) from None
    return {int(kind): (kind.name, size) for kind, size in gguf.GGML_QUANT_SIZES.items()}


def _accepts(_place: Place, head: bytes) -> bool:
    return head.startswith(MAGIC)


def _read(place: Place) -> Contents:
    types = _types()
    tensors, settings = _read_part(place, types)
    parts = _parts(place, settings)
    for part in parts[1:]:
        more, _ = _read_part(part, types)
        if set(more) & set(tensors):
            raise UnreadableFile(
                f"holds tensors that {place.name} holds too",
                where=str(part),
                next_step="the parts are not of one model: download them again",
            )
        tensors |= more
    return Contents(
        source=str(place),
        format=GGUF.name,
        tensors=tensors,
        config={"config": _config(settings, tensors), "gguf": settings},
        fingerprint=fingerprint(parts),
    )


def _read_part(place: Place, types: Types) -> tuple[dict[str, StoredTensor], dict[str, Any]]:
    file = open_bytes(place)
    header = read_header(file)
    heads = _heads(header.settings)
    tensors: dict[str, StoredTensor] = {
        entry.name: _tensor(entry, file, types, heads) for entry in header.entries
    }
    return tensors, header.settings


def _tensor(
    entry: BlockEntry, file: ByteFile, types: Types, heads: Mapping[str, int]
) -> GGUFTensor:
    def refuse(what: str) -> UnreadableFile:
        return file.refuse(f"tensor {quoted(entry.name)} {what}", f"it is damaged: {GET_AGAIN}")

    if entry.type not in types:
        raise refuse(f"is of the unknown type {entry.type}")
    dtype, block = types[entry.type]
    if (entry.shape[-1] if entry.shape else 1) % block[0]:
        raise refuse(f"has rows that are no multiple of {block[0]} values")
    found = Q_OR_K.fullmatch(entry.name)
    n_heads = heads.get(found[1], 0) if found else 0
    rows_of_head = entry.shape[0] // n_heads if n_heads and entry.shape else 0
    if n_heads and (not entry.shape or entry.shape[0] % (2 * n_heads)):
        raise refuse(f"cannot be cut into {n_heads} heads of an even number of rows")
    tensor = GGUFTensor(
        name=entry.name,
        shape=entry.shape,
        dtype=dtype,
        location=(file.where, entry.offset),
        file=file,
        type=entry.type,
        block=block,
        pairs_of=rows_of_head,
    )
    file.check_range(entry.offset, tensor.n_bytes)
    return tensor


def _heads(settings: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers of heads of W_q and W_k where the converter has permuted them."""
    architecture = settings.get("general.architecture")
    if architecture not in PERMUTED:
        return {}
    heads = settings.get(f"{architecture}.attention.head_count")
    kv_heads = settings.get(f"{architecture}.attention.head_count_kv", heads)
    known = {"q": heads, "k": kv_heads}
    return {name: n for name, n in known.items() if type(n) is int and n > 0}


def _config(settings: Mapping[str, Any], tensors: Mapping[str, StoredTensor]) -> dict[str, Any]:
    """Return the settings of the model under the names that config.json would have."""
    architecture = settings.get("general.architecture")
    config = {
        name: settings[f"{architecture}.{key}"]
        for name, key in CONFIG.items()
        if f"{architecture}.{key}" in settings
    }
    tied = "output.weight" not in tensors
    return {"model_type": architecture, "tie_word_embeddings": tied, **config}


def _parts(place: Place, settings: Mapping[str, Any]) -> list[Place]:
    """Return all files of a model that is kept in several, this one, the first, before the rest."""
    count = settings.get("split.count", 1)
    if type(count) is not int or count <= 1:
        return [place]
    name = PART.fullmatch(place.name)
    if name is None or int(name[2]) != count or settings.get("split.no") != 0:
        raise UnreadableFile(
            f"is one of {count} parts, and not the first under its own name",
            where=str(place),
            next_step="name the part that ends in -00001-of-*.gguf, beside the others",
        )
    parts = [place.parent / f"{name[1]}-{i + 1:05}-of-{count:05}.gguf" for i in range(count)]
    for part in parts:
        if not part.is_file():
            raise missing(f"part {part.name}", place)
    return parts


GGUF = Format(
    name="gguf",
    summary="a .gguf file of llama.cpp, or the first of several",
    accepts=_accepts,
    read=_read,
)
