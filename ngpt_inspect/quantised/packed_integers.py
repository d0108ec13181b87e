"""Integers in groups, packed along the inputs: the pack-quantized format of compressed-tensors.

``NAME_packed`` (out, in * bits / 32) of 32-bit words, the lowest bits first and codes running on
from word to word; ``NAME_scale`` (out, groups); ``NAME_shape`` the two sizes; and, unless
quantisation is symmetric, ``NAME_zero_point`` (out * bits / 32, groups), packed along the outputs.
W[o, i] = scale[o, g] (q[o, i] - z[o, g]) with g the group of input i (``NAME_g_idx``, where inputs
were reordered; else in their order), and z half the range of the codes where none is stored.
Where the config names several widths or sizes of groups (``config_groups``), sizes and words tell
which; the last group of a row may be smaller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.later.torch import torch
from ngpt_inspect.quantised._config import quantisation
from ngpt_inspect.quantised._scales import SCALE_DTYPES, group_of, product, weights_in
from ngpt_inspect.quantised._scheme import Recognised, Scheme, incomplete, misfit, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor
from ngpt_inspect.quantised._words import WORD, unpack
from ngpt_inspect.stored import Contents, StoredTensor

WIDTHS = range(1, 9)
"""Bits."""
UNTOLD = "packed integers whose width the config does not tell, from 1 to 8 bits"
FORMATS = ("pack-quantized", "mixed-precision")
INTEGERS = ("I64", "I32")


@dataclass(frozen=True, kw_only=True)
class PackedIntegers(QuantisedTensor):
    """See the module."""

    bits: int
    group: int
    """Inputs that share a scale."""
    reordered: bool

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`."""
        words, scale, sizes, *more = self.parts
        order = more.pop() if self.reordered else None
        if tuple(sizes.read().tolist()) != self.shape:
            raise self.refuse(f"{sizes.name} is not {list(self.shape)}, what is packed")
        codes = unpack(words.read(start, stop), self.bits, 1)[:, : self.shape[1]]
        scales = scale.read(start, stop)
        zeros = torch.full(scales.shape, 2 ** (self.bits - 1), dtype=torch.int32)
        if more:
            zeros = unpack(more[0].read(), self.bits, 0)[start:stop]
        n_groups = scales.shape[1]
        groups = torch.arange(self.shape[1]) // self.group
        said = groups if order is None else order.read().long()
        if (said >= 0).all():  # -1: it was never reordered
            groups = said
        if int(groups.max()) >= n_groups:
            raise self.refuse(f"its g_idx names groups that are not there (of {n_groups})")
        values = product(codes - zeros[:, groups], scales[:, groups], scale.dtype)
        return values, scales[:, groups].abs()


def _find(contents: Contents) -> Iterator[Recognised]:
    config = quantisation(contents)
    if config.get("format") not in FORMATS:
        return
    said = [each for each in weights_in(config) if each.get("type", "int") == "int"]
    for name, codes in contents.tensors.items():
        if name.endswith("_packed") and (codes.dtype != "U8" or config["format"] == FORMATS[0]):
            yield _packed(name, codes, said, contents.tensors)


def _packed(
    name: str,
    codes: StoredTensor,
    said: list[Mapping[str, Any]],
    tensors: Mapping[str, StoredTensor],
) -> Recognised:
    base = name.removesuffix("_packed")
    needed = [f"{base}_scale", f"{base}_shape"]
    missing = [each for each in needed if each not in tensors]
    stated = [each.get("num_bits") for each in said]
    widths = tuple(n for n in WIDTHS if n in stated)
    if not widths:
        return refused(name, codes, UNTOLD)
    if missing:
        return incomplete(name, codes, "stored as packed integers", missing)
    optional = [f"{base}_zero_point", f"{base}_g_idx"]
    needed += [each for each in optional if each in tensors]
    parts = (codes, *(tensors[each] for each in needed))
    bits, n_inputs = _width(codes, parts[2], widths)
    if not bits:
        return refused(name, codes, UNTOLD)
    group = group_of(n_inputs, parts[1].shape, said)
    if not group or not _fits(parts, bits, n_inputs):
        return misfit(name, parts)
    tensor = PackedIntegers(
        name=base,
        shape=(codes.shape[0], n_inputs),
        dtype=f"int{bits}",
        location=codes.location,
        parts=parts,
        bits=bits,
        group=group,
        reordered=optional[1] in needed,
    )
    return Recognised(tensor=tensor, codes=name, others=tuple(needed))


def _width(codes: StoredTensor, sizes: StoredTensor, widths: tuple[int, ...]) -> tuple[int, int]:
    """Return bits and inputs; no bits where they are not certain.

    The sizes are read, for they are values, only where headers do not tell.
    """
    n_words = codes.shape[-1] if codes.shape else 0
    if len(widths) == 1 and WORD % widths[0] == 0:
        return widths[0], n_words * WORD // widths[0]
    if sizes.shape != (2,) or sizes.dtype not in INTEGERS:
        return 0, 0
    n_inputs = int(sizes.read()[1])
    found = [bits for bits in widths if _words(n_inputs, bits) == n_words]
    return (found[0], n_inputs) if len(found) == 1 else (0, 0)


def _words(n_codes: int, bits: int) -> int:
    return -(-n_codes * bits // WORD)


def _fits(parts: tuple[StoredTensor, ...], bits: int, n_inputs: int) -> bool:
    codes, scales, sizes, *more = parts
    zeros = [part for part in more if not part.name.endswith("_g_idx")]
    order = [part for part in more if part not in zeros]
    if any(len(part.shape) != 2 or part.n_values == 0 for part in (codes, scales, *zeros)):
        return False
    return (
        codes.dtype == "I32"
        and scales.dtype in SCALE_DTYPES
        and scales.shape[0] == codes.shape[0]
        and n_inputs > 0
        and sizes.shape == (2,)
        and sizes.dtype in INTEGERS
        and all(part.dtype == "I32" for part in more)
        and all(part.shape == (n_inputs,) for part in order)
        and all(part.shape == (_words(codes.shape[0], bits), scales.shape[1]) for part in zeros)
    )


PACKED_INTEGERS = Scheme(
    name="packed integers", summary="compressed-tensors' pack-quantized, 1 to 8 bits", find=_find
)
