"""Reads tokenizer.json: the bytes or the text of every id.

The file is data here, parsed as the bounded JSON of every other file from strangers; nothing of
it is run. Layout: the one of Hugging Face's `tokenizers` (``model.vocab``, ``added_tokens``,
``decoder``, ``pre_tokenizer``), and the byte tokenizer of `reference_model`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

Piece = bytes | str
"""What a token stands for: bytes where the tokenizer works on bytes, else text."""

LARGEST_ID = 1 << 24
BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
METASPACE = "▁"


def pieces(tokenizer: Mapping[str, Any]) -> dict[int, Piece]:
    """Return the piece of every id of a parsed tokenizer.json; empty for an unknown layout."""
    own = tokenizer.get("reference_model")
    if isinstance(own, Mapping) and own.get("kind") == "bytes":
        return {value: bytes([value]) for value in range(256)}
    model = tokenizer.get("model")
    if not isinstance(model, Mapping):
        return {}
    kinds = set(_kinds(tokenizer.get("decoder"))) | set(_kinds(tokenizer.get("pre_tokenizer")))
    if model.get("byte_fallback") is True:
        kinds.add("ByteFallback")
    found = {number: _piece(text, kinds) for number, text in _vocabulary(model.get("vocab"))}
    # Added tokens are matched in the text as they are written, before any byte or space is mapped.
    return found | dict(_added(tokenizer.get("added_tokens")))


def _vocabulary(vocab: Any) -> Iterator[tuple[int, str]]:
    """Yield id and entry: an object of ids (BPE, WordPiece), or a list of pairs (Unigram)."""
    if isinstance(vocab, Mapping):
        yield from ((number, text) for text, number in vocab.items() if _is_id(number))
    elif isinstance(vocab, list):
        for number, entry in enumerate(vocab):
            if isinstance(entry, list) and entry and isinstance(entry[0], str):
                yield number, entry[0]


def _added(tokens: Any) -> Iterator[tuple[int, str]]:
    for token in tokens if isinstance(tokens, list) else ():
        if isinstance(token, Mapping) and isinstance(token.get("content"), str):
            number = token.get("id")
            if isinstance(number, int) and _is_id(number):
                yield number, token["content"]


def _is_id(number: Any) -> bool:
    return type(number) is int and 0 <= number < LARGEST_ID


def _kinds(component: Any) -> Iterator[str]:
    """Yield the types of a component and of those it is a sequence of."""
    waiting = [component]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, Mapping):
            continue
        if isinstance(each.get("type"), str):
            yield "Metaspace" if _replaces_metaspace(each) else each["type"]
        for name in ("decoders", "pretokenizers"):
            inner = each.get(name)
            waiting += inner if isinstance(inner, list) else []


def _replaces_metaspace(component: Mapping[str, Any]) -> bool:
    return (
        component.get("type") == "Replace"
        and component.get("pattern") == {"String": METASPACE}
        and component.get("content") == " "
    )


def _piece(entry: str, kinds: set[str]) -> Piece:
    if "ByteLevel" in kinds:
        table = _byte_of()
        known = [table.get(char) for char in entry]
        whole = [value for value in known if value is not None]
        return bytes(whole) if len(whole) == len(known) else entry
    if "ByteFallback" in kinds and (found := BYTE.fullmatch(entry)):
        return bytes([int(found[1], 16)])
    return entry.replace(METASPACE, " ") if "Metaspace" in kinds else entry


@cache
def _byte_of() -> dict[str, int]:
    """Return the byte of each character of the byte-level alphabet (Radford et al. 2019, GPT-2).

    Bytes that print stand for themselves; the others take the code points from 256 on, in order.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [value for value in range(256) if value not in plain]
    table = {chr(value): value for value in plain}
    return table | {chr(256 + place): value for place, value in enumerate(others)}
