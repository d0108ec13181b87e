"""Ways to damage what files are made of: bytes, numbers, names, JSON."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

INTEGERS = (-1, 0, 1, 2, 3, 7, 255, 256, 65535, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32)
INTEGERS += (2**40, 2**48, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), 10**30)
INTEGERS += (10**400,)
NAMES = (
    *("", ".", "..", "../secret", "/etc/passwd", "a/b", "C:\\x", "\\\\host\\x", "~", "file:///x"),
    *("https://host/x.safetensors", "x\0y", "\x1b[2J", "a\nb", "\u202egnp", "\ud800", "é" * 300),
    *("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin.index.json"),
    *("w" * 5000, "__metadata__", "__proto__", "model", "config", "{0.__class__}", "%s%n"),
    "$(touch x)",
)
DEEP = "[" * 20_000 + "]" * 20_000
"""Placed in JSON text where `PLACE_OF_DEEP` stands: no writer of JSON goes that deep."""
PLACE_OF_DEEP = "a place for deep JSON"

numbers = st.sampled_from(INTEGERS)
names = st.sampled_from(NAMES)
FLOATS = (0.5, 4.0, 8.0, -1.5, 1e308, float("nan"), float("inf"), 1e-320)
LISTS = ([], {}, [[]], [16, 16], [0], [-1], [2**62] * 4, [1] * 100, ["x"], [None], {"a": 1})
WORDS = ("F32", "F4", "F6_E2M3", "I64", "BOOL", "C64", "Q4_K", "float32", "llama", "gpt2")
json_values = st.one_of(
    numbers,
    names,
    *map(st.sampled_from, ((None, True, False, *FLOATS), LISTS, WORDS)),
    st.just(PLACE_OF_DEEP),
)


@st.composite
def damaged_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Flip, cut, repeat, overwrite or append bytes; early ones, where headers are, more often."""
    out = bytearray(data)
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 4)))):
        if not out:
            break
        reach = draw(st.sampled_from((len(out), len(out), min(len(out), 64), min(len(out), 600))))
        at = draw(st.integers(0, reach - 1))
        match draw(st.sampled_from(("flip", "flip", "number", "cut", "repeat", "insert", "drop"))):
            case "flip":
                out[at] ^= draw(st.integers(1, 255))
            case "number":
                width = draw(st.sampled_from((2, 4, 8)))
                value = draw(numbers) % 2 ** (8 * width)
                out[at : at + width] = value.to_bytes(width, "little")
            case "cut":
                del out[at:]
            case "repeat":
                out[at:at] = out[at : at + draw(st.integers(1, 200))]
            case "insert":
                out[at:at] = draw(st.binary(min_size=1, max_size=20))
            case "drop":
                del out[at : at + draw(st.integers(1, 50))]
    return bytes(out)


@st.composite
def damaged_json(draw: st.DrawFn, value: Any) -> str:
    """Replace, drop, rename or repeat values anywhere in a JSON document."""
    root = {"root": copy.deepcopy(value)}
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        places = list(_places(root))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(("replace", "replace", "replace", "drop", "rename", "copy"))):
            case "drop" if holder is not root:
                del holder[key]
            case "rename" if isinstance(holder, dict) and holder is not root:
                holder[draw(names)] = holder.pop(key)
            case "copy" if isinstance(holder, dict) and holder is not root:
                other = draw(st.sampled_from(sorted(holder)))
                holder[other] = copy.deepcopy(holder[key])
            case _:
                holder[key] = copy.deepcopy(draw(json_values))
    text = json.dumps(root["root"]).replace(json.dumps(PLACE_OF_DEEP), DEEP)
    return draw(st.sampled_from((text, text, text, _key_twice(text))))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _key_twice(text: str) -> str:
    """Repeat the first key of an object: JSON allows it, readers disagree on what it means."""
    start = text.find('{"')
    end = text.find('":', start)
    if -1 in (start, end):
        return text
    return f'{text[: start + 1]}{text[start + 1 : end]}":0,{text[start + 1 :]}'


@st.composite
def damaged_fields(draw: st.DrawFn, fields: Sequence[bytes]) -> bytes:
    """Damage a binary header given field by field, after its magic and version."""
    out = list(fields)
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        at = draw(st.integers(2, len(out) - 1))
        match draw(st.sampled_from((*["number"] * 7, "drop", "repeat", "swap"))):
            case "number":
                width = len(out[at])
                out[at] = (draw(numbers) % 2 ** (8 * width)).to_bytes(width, "little")
            case "drop":
                out[at] = b""
            case "repeat":
                out[at] *= draw(st.sampled_from((2, 3, 50)))
            case "swap":
                other = draw(st.integers(0, len(out) - 1))
                out[at], out[other] = out[other], out[at]
    return b"".join(out)
