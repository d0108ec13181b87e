"""Integers in groups, packed along the inputs: the pack-quantized format of compressed-tensors.

``NAME_packed`` (out, in / per word) of 32-bit words, the lowest bits first; ``NAME_scale`` (out,
groups); ``NAME_shape`` the two sizes; and, unless quantisation is symmetric, ``NAME_zero_point``
(out / per word, groups), packed along the outputs. W[o, i] = scale[o, g] (q[o, i] - z[o, g]) with
g the group of input i (``NAME_g_idx``, where inputs were reordered; else in their order), and z
half the range of the codes where none is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngpt_inspect.quantised._config import quantisation
from ngpt_inspect.quantised._scales import product
from ngpt_inspect.quantised._scheme import Recognised, Scheme
from ngpt_inspect.quantised._tensor import QuantisedTensor, refused
from ngpt_inspect.quantised._words import WORD, unpack
from ngpt_inspect.stored import Contents, StoredTensor

if TYPE_CHECKING:
    import torch

WIDTHS = (2, 4, 8)
"""Bits."""
SCALE_DTYPES = ("F16", "BF16", "F32")


@dataclass(frozen=True, kw_only=True)
class PackedIntegers(QuantisedTensor):
    """See the module."""

    bits: int
    reordered: bool

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`."""
        import torch

        words, scale, sizes, *more = self.parts
        order = more.pop() if self.reordered else None
        if tuple(sizes.read().tolist()) != self.shape:
            raise self.refuse(f"{sizes.name} is not {list(self.shape)}, what is packed")
        codes = unpack(words.read(start, stop), self.bits, 1)
        scales = scale.read(start, stop)
        zeros = torch.full(scales.shape, 2 ** (self.bits - 1), dtype=torch.int32)
        if more:
            zeros = unpack(more[0].read(), self.bits, 0)[start:stop]
        n_groups = scales.shape[1]
        groups = torch.arange(self.shape[1]) * n_groups // self.shape[1]
        said = groups if order is None else order.read().long()
        if (said >= 0).all():  # -1: it was never reordered
            groups = said
        if int(groups.max()) >= n_groups:
            raise self.refuse(f"its g_idx names groups that are not there (of {n_groups})")
        values = product(codes - zeros[:, groups], scales[:, groups], scale.dtype)
        return values, scales[:, groups].abs()


def _find(contents: Contents) -> Iterator[Recognised]:
    config = quantisation(contents)
    if config.get("format") != "pack-quantized":
        return
    bits = _bits(config)
    for name, codes in contents.tensors.items():
        if name.endswith("_packed"):
            yield _packed(name.removesuffix("_packed"), codes, bits, contents.tensors)


def _bits(config: Mapping[str, Any]) -> int | None:
    """Return the one width that all groups of layers have; None for several, or another kind."""
    groups = config.get("config_groups")
    layers = list(groups.values()) if isinstance(groups, dict) else []
    weights = [each.get("weights") if isinstance(each, dict) else None for each in layers]
    found = [
        [each.get("num_bits"), each.get("type", "int")] if isinstance(each, dict) else None
        for each in weights
    ]
    return next((n for n in WIDTHS if found and all(each == [n, "int"] for each in found)), None)


def _packed(
    base: str, codes: StoredTensor, bits: int | None, tensors: Mapping[str, StoredTensor]
) -> Recognised:
    if bits is None:
        why = "packed integers of another width than 2, 4 or 8 bits, or of several"
        return Recognised(tensor=refused(codes, why), codes=codes.name)
    needed = [f"{base}_scale", f"{base}_shape"]
    missing = [name for name in needed if name not in tensors]
    if missing:
        why = f"stored as packed integers, and {' and '.join(missing)} are missing"
        return Recognised(tensor=refused(codes, why), codes=codes.name)
    optional = [f"{base}_zero_point", f"{base}_g_idx"]
    needed += [name for name in optional if name in tensors]
    parts = (codes, *(tensors[name] for name in needed))
    if not _fits(parts, WORD // bits):
        shapes = ", ".join(f"{part.name} {list(part.shape)} {part.dtype}" for part in parts)
        return Recognised(
            tensor=refused(codes, f"its parts do not fit: {shapes}"), codes=codes.name
        )
    tensor = PackedIntegers(
        name=base,
        shape=(codes.shape[0], codes.shape[1] * WORD // bits),
        dtype=f"int{bits}",
        location=codes.location,
        parts=parts,
        bits=bits,
        reordered=optional[1] in needed,
    )
    return Recognised(tensor=tensor, codes=codes.name, others=tuple(needed))


def _fits(parts: tuple[StoredTensor, ...], per_word: int) -> bool:
    codes, scales, sizes, *more = parts
    zeros = [part for part in more if not part.name.endswith("_g_idx")]
    order = [part for part in more if part not in zeros]
    if any(len(part.shape) != 2 or part.n_values == 0 for part in (codes, scales, *zeros)):
        return False
    return (
        codes.dtype == "I32"
        and scales.dtype in SCALE_DTYPES
        and scales.shape[0] == codes.shape[0]
        and codes.shape[1] * per_word % scales.shape[1] == 0
        and sizes.shape == (2,)
        and sizes.dtype in ("I64", "I32")
        and all(part.dtype == "I32" for part in more)
        and all(part.shape == (codes.shape[1] * per_word,) for part in order)
        and all(part.shape == (-(-codes.shape[0] // per_word), scales.shape[1]) for part in zeros)
    )


PACKED_INTEGERS = Scheme(
    name="packed integers", summary="compressed-tensors' pack-quantized, 2, 4 or 8 bits", find=_find
)
