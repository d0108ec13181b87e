"""4-bit integers of torchao, two to a byte along the inputs, scales by column: its `Int4Tensor`.

``NAME.weight`` (out, in / 2) of bytes, the first of two signed codes in the low half;
``NAME.weight_scale`` and ``NAME.weight_zero_point`` (groups, out), both floats. W[o, i] =
scale[g, o] q[o, i] + zero_point[g, o] with g the group of input i (github.com/pytorch/ao,
quantize_/workflows/int4/int4_tensor.py; int4_row_quantize_zp and pack_int4 of FBGEMM).

Its packings for one kind of device (`OF_A_DEVICE`) are refused by name: only the kernels there
say in which order they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.quantised._config import INT4_OF_TORCHAO, type_by_torchao
from ngpt_inspect.quantised._scales import SCALE_DTYPES
from ngpt_inspect.quantised._scheme import Recognised, Scheme, incomplete, misfit, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor
from ngpt_inspect.stored import Contents, StoredTensor

OF_A_DEVICE = ("Int4TilePackedTo4dTensor", "Int4PlainInt32Tensor", "Int4PreshuffledTensor")
ELSEWHERE = "._weight_qdata"
"""What torchao calls codes that are no 8-bit numbers."""
PRE_SCALE = "._weight_act_pre_scale"


@dataclass(frozen=True, kw_only=True)
class Int4ByColumn(QuantisedTensor):
    """See the module."""

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`."""
        packed, scales, zeros = (part.read() for part in self.parts)
        packed = packed[start:stop].int()
        codes = torch.stack((packed & 15, packed >> 4 & 15), -1).flatten(1)
        codes = torch.where(codes > 7, codes - 16, codes)
        each = self.shape[1] // scales.shape[0]
        scales, zeros = (
            side[:, start:stop].double().repeat_interleave(each, 0).T for side in (scales, zeros)
        )
        return codes * scales + zeros, scales.abs()


def _find(contents: Contents) -> Iterator[Recognised]:
    for weight in contents.config:
        kind = type_by_torchao(contents, weight)
        apart = weight.removesuffix(".weight") + ELSEWHERE
        if kind == INT4_OF_TORCHAO and weight in contents.tensors:
            yield _int4(weight, contents.tensors[weight], contents)
        elif kind in OF_A_DEVICE and apart in contents.tensors:
            why = f"packed by torchao for one kind of device ({kind}): save dequantize() of it"
            sides = [apart.replace("qdata", x) for x in ("scale", "zero_point", "scale_and_zero")]
            others = tuple(each for each in sides if each in contents.tensors)
            yield refused(apart, contents.tensors[apart], why, others)


def _int4(name: str, codes: StoredTensor, contents: Contents) -> Recognised:
    others = (f"{name}_scale", f"{name}_zero_point")
    missing = [each for each in others if each not in contents.tensors]
    if missing:
        return incomplete(name, codes, "stored as Int4Tensor of torchao", missing)
    if name.removesuffix(".weight") + PRE_SCALE in contents.tensors:
        why = "stored as Int4Tensor of torchao, and act_pre_scale multiplies what it is given"
        return refused(name, codes, why)
    parts = (codes, *(contents.tensors[each] for each in others))
    if not _fits(*parts):
        return misfit(name, parts)
    tensor = Int4ByColumn(
        name=name,
        shape=(codes.shape[0], codes.shape[1] * 2),
        dtype="int4",
        location=codes.location,
        parts=parts,
    )
    return Recognised(tensor=tensor, codes=name, others=others)


def _fits(codes: StoredTensor, scales: StoredTensor, zeros: StoredTensor) -> bool:
    if len(codes.shape) != 2 or len(scales.shape) != 2 or not codes.n_values * scales.n_values:
        return False
    return (
        codes.dtype in ("I8", "U8")
        and scales.shape == zeros.shape
        and scales.shape[1] == codes.shape[0]
        and codes.shape[1] * 2 % scales.shape[0] == 0
        and all(each.dtype in SCALE_DTYPES for each in (scales, zeros))
    )


INT4_BY_COLUMN = Scheme(
    name="4-bit integers by column", summary="Int4Tensor of torchao, by its own name", find=_find
)
