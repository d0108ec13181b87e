"""Integers in groups along the inputs, packed into 32-bit words: affine quantisation of MLX.

``NAME.weight`` (out, in * bits / 32) of unsigned words, the lowest bits first and codes running
on from word to word; ``NAME.scales`` and ``NAME.biases`` (out, groups). W = scale q + bias with
q from 0 to 2^bits - 1. ``quantization`` of config.json gives ``bits`` and ``group_size``, and
others for a module by its name (github.com/ml-explore/mlx, mlx.core.quantize).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.later.torch import torch
from ngpt_inspect.quantised._scales import SCALE_DTYPES
from ngpt_inspect.quantised._scheme import Recognised, Scheme, incomplete, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor
from ngpt_inspect.quantised._words import WORD, unpack
from ngpt_inspect.stored import Contents, StoredTensor

WIDTHS = (2, 3, 4, 5, 6, 8)
"""Bits."""
USUAL = "affine"


@dataclass(frozen=True, kw_only=True)
class MLXTensor(QuantisedTensor):
    """See the module."""

    bits: int

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`."""
        words, scales, biases = (part.read(start, stop) for part in self.parts)
        codes = unpack(words.view(torch.int32), self.bits, -1).double()
        each = self.shape[-1] // scales.shape[-1]
        scales, biases = (t.double().repeat_interleave(each, -1) for t in (scales, biases))
        return codes * scales + biases, scales.abs()


def _find(contents: Contents) -> Iterator[Recognised]:
    found = contents.find("quantization")
    config = found[0] if found and isinstance(found[0], Mapping) else {}
    tensors = contents.tensors
    for name, words in tensors.items():
        base = name.removesuffix(".weight")
        needed = (f"{base}.scales", f"{base}.biases")
        there = [each for each in needed if each in tensors]
        if words.dtype == "U32" and name != base and (config or there):
            yield _mlx(name, needed, tensors, _settings(config, base))


def _settings(config: Mapping[str, Any], base: str) -> Mapping[str, Any]:
    """Return what is said of one module, or of all."""
    own = config.get(base)
    return {**config, **own} if isinstance(own, Mapping) else config


def _mlx(
    name: str,
    needed: tuple[str, ...],
    tensors: Mapping[str, StoredTensor],
    said: Mapping[str, Any],
) -> Recognised:
    words = tensors[name]
    bits, group, mode = said.get("bits"), said.get("group_size"), said.get("mode", USUAL)
    missing = [each for each in needed if each not in tensors]
    if mode != USUAL or type(bits) is not int or bits not in WIDTHS:
        why = f"quantised by MLX, in mode {mode!r} and {bits!r} bits: not unpacked"
        return refused(name, words, why)
    if missing:
        return incomplete(name, words, "quantised by MLX", missing)
    scales, biases = (tensors[each] for each in needed)
    if not _fits(words, scales, biases, bits, group):
        shapes = ", ".join(f"{side.name} {list(side.shape)}" for side in (scales, biases))
        why = f"quantised by MLX, and its parts do not fit: {list(words.shape)}, {shapes}"
        return refused(name, words, why)
    tensor = MLXTensor(
        name=name,
        shape=(*words.shape[:-1], words.shape[-1] * WORD // bits),
        dtype=f"MLX int{bits}",
        location=words.location,
        parts=(words, scales, biases),
        bits=bits,
    )
    return Recognised(tensor=tensor, codes=name, others=needed)


def _fits(
    words: StoredTensor, scales: StoredTensor, biases: StoredTensor, bits: int, group: object
) -> bool:
    if len(words.shape) < 2 or not words.n_values or words.shape[-1] * WORD % bits:
        return False
    n_inputs = words.shape[-1] * WORD // bits
    return (
        type(group) is int
        and group > 0
        and scales.shape == biases.shape == (*words.shape[:-1], n_inputs // group)
        and n_inputs % group == 0
        and all(each.dtype in SCALE_DTYPES for each in (scales, biases))
    )


MLX = Scheme(name="mlx", summary="MLX affine integers of 2 to 8 bits", find=_find)
