"""4-bit codes into a table of 16 levels, in blocks: NF4 and FP4 of bitsandbytes.

QLoRA, arXiv 2305.14314, section 3.
``NAME`` holds the codes of the flattened matrix, two to a byte, the upper half first;
``NAME.quant_map`` the 16 levels, ``NAME.absmax`` the scale of each block, and
``NAME.quant_state.bitsandbytes__nf4`` the settings as JSON. With double quantisation the scales
are codes again: absmax = nested_quant_map[code] nested_absmax[block] + nested_offset.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ngpt_inspect.later.torch import torch
from ngpt_inspect.quantised._scheme import Recognised, Scheme, incomplete, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor, widths_of
from ngpt_inspect.stored import Contents, StoredTensor

KINDS = ("nf4", "fp4")
LARGEST_STATE = 1 << 16
"""Bytes of the settings."""
LARGEST_OFFSET = 3.4e38
"""Of the scales, which are float32."""
NESTED = ("nested_absmax", "nested_quant_map")


@dataclass(frozen=True, kw_only=True)
class TableTensor(QuantisedTensor):
    """See the module."""

    block: int
    nested_block: int
    """0: the scales are stored as they are."""
    nested_offset: float

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`."""
        n_columns = self.n_values // self.shape[0]
        first, last = start * n_columns, stop * n_columns
        packed = self.parts[0].read(first // 2, (last + 1) // 2).flatten()
        codes = torch.stack((packed >> 4, packed & 0xF), dim=-1).flatten().int()
        codes = codes[first % 2 : first % 2 + last - first]
        levels = self.parts[1].read().double()
        blocks = torch.arange(first, last) // self.block
        scales = self._scales()[blocks]
        shape = (stop - start, *self.shape[1:])
        values = (levels[codes] * scales).reshape(shape)
        return values, (widths_of(levels)[codes] * scales.abs()).reshape(shape)

    def _scales(self) -> torch.Tensor:
        stored = self.parts[2].read()
        if not self.nested_block:
            return stored.double()
        scale, levels = (part.read().double() for part in self.parts[3:5])
        blocks = torch.arange(len(stored)) // self.nested_block
        return levels[stored.int()] * scale[blocks] + self.nested_offset


def _find(contents: Contents) -> Iterator[Recognised]:
    for name in contents.tensors:
        for kind in KINDS:
            state = f"{name}.quant_state.bitsandbytes__{kind}"
            if state in contents.tensors:
                yield _table(name, kind, state, contents.tensors)


def _table(name: str, kind: str, state: str, tensors: Mapping[str, StoredTensor]) -> Recognised:
    codes, settings = tensors[name], _settings(tensors[state])
    nested = "nested_blocksize" in settings
    names = [f"{name}.{part}" for part in ("quant_map", "absmax", *(NESTED * nested))]
    missing = [each for each in names if each not in tensors]
    if missing:
        return incomplete(name, codes, f"stored as {kind.upper()} codes", missing)
    parts = (codes, *(tensors[each] for each in names))
    if not _fits(parts, settings, nested):
        why = f"stored as {kind.upper()} codes that its quant_state does not fit"
        return refused(name, codes, why)
    tensor = TableTensor(
        name=name,
        shape=tuple(settings["shape"]),
        dtype=kind.upper(),
        location=codes.location,
        parts=parts,
        block=settings["blocksize"],
        nested_block=settings["nested_blocksize"] if nested else 0,
        nested_offset=float(settings["nested_offset"]) if nested else 0.0,
    )
    return Recognised(tensor=tensor, codes=name, others=(*names, state))


def _settings(state: StoredTensor) -> dict[str, Any]:
    """Read the settings: the only values read before a tensor is asked for."""
    if state.dtype != "U8" or len(state.shape) != 1 or state.n_bytes > LARGEST_STATE:
        return {}
    try:
        settings = json.loads(bytes(state.read().tolist()))
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _fits(parts: tuple[StoredTensor, ...], settings: Mapping[str, Any], nested: bool) -> bool:
    codes, levels, scales, *second = parts
    shape, block = settings.get("shape"), settings.get("blocksize")
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        return False
    if not shape or not _positive(block):
        return False
    n = math.prod(shape)
    first = (
        codes.dtype == "U8"
        and codes.shape[:1] == (codes.n_values,) == (-(-n // 2),)
        and levels.shape == (16,)
        and levels.dtype == "F32"
        and scales.shape == (-(-n // block),)
        and scales.dtype == ("U8" if nested else "F32")
    )
    if not nested or not first:
        return first
    nested_block, offset = settings["nested_blocksize"], settings.get("nested_offset")
    return (
        _positive(nested_block)
        and isinstance(offset, int | float)
        and abs(offset) <= LARGEST_OFFSET
        and second[0].shape == (-(-scales.n_values // nested_block),)
        and second[1].shape == (256,)
        and all(part.dtype == "F32" for part in second)
    )


def _positive(value: Any) -> TypeGuard[int]:
    return type(value) is int and value > 0


BITSANDBYTES4 = Scheme(
    name="bitsandbytes 4-bit", summary="NF4 and FP4 with their quant_state", find=_find
)
