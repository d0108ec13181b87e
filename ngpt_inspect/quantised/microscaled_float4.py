"""4-bit floats in groups of 32 or 16, two to a byte: MXFP4 and NVFP4.

MXFP4 (OCP Microscaling Formats, version 1.0): groups of 32 share a power of two, kept as its
exponent plus 127. gpt-oss keeps ``NAME_blocks`` of shape (..., groups, 16) and ``NAME_scales``
of shape (..., groups); the value is NAME, of shape (..., 32 groups).

compressed-tensors keeps ``NAME_packed`` (..., 16 groups) and ``NAME_scale``.

NVFP4: groups of 16 share an F8_E4M3 scale ``NAME_scale``. By ModelOpt the whole tensor is times
the F32 scale ``NAME_scale_2``, and the codes are NAME, of shape (out, in / 2); by
compressed-tensors it is over ``NAME_global_scale``, and they are ``NAME_packed``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.quantised._scheme import Recognised, Scheme, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor, widths_of
from ngpt_inspect.stored import Contents, StoredTensor

E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""The values without a sign, by code."""
MX_BYTES = 16
"""Of a group of 32."""
NV_BYTES = 8
"""Of a group of 16."""
EXPONENT_BIAS = 127
PAIRS = (("_blocks", "_scales"), (".blocks", ".scales"))
"""Of codes and scales, by Hugging Face and by OpenAI."""
PACKED = "_packed"
"""Codes, by compressed-tensors."""


@dataclass(frozen=True, kw_only=True)
class MicroscaledFloat4(QuantisedTensor):
    """value = level of the code x scale of its group (x, or over, the scale of the tensor)."""

    is_over: bool = False

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`."""
        codes, group_scale = (part.read(start, stop) for part in self.parts[:2])
        scales = self._scales(group_scale)
        levels = torch.tensor([*E2M1, *(-each for each in E2M1)], dtype=scales.dtype)
        halves = torch.stack((codes & 0xF, codes >> 4), dim=-1).int()
        grouped = halves.reshape(*scales.shape, -1)
        shape = (stop - start, *self.shape[1:])
        values = (levels[grouped] * scales.unsqueeze(-1)).reshape(shape)
        widths = (widths_of(levels)[grouped] * scales.abs().unsqueeze(-1)).reshape(shape)
        return values, widths

    def _scales(self, stored: torch.Tensor) -> torch.Tensor:
        """Return the scale of each group, in a dtype that holds its product with a level."""
        if self.dtype == "MXFP4":
            exponents = stored.view(torch.uint8).int() - EXPONENT_BIAS
            return torch.ldexp(torch.ones_like(exponents, dtype=torch.float64), exponents).float()
        whole = self.parts[2].read().double().reshape(())
        return stored.double() / whole if self.is_over else stored.double() * whole


def _find(contents: Contents) -> Iterator[Recognised]:
    tensors = contents.tensors
    for name, codes in tensors.items():
        if codes.dtype != "U8":
            continue
        for blocks, scales in PAIRS:
            if name.endswith(blocks):
                base = name.removesuffix(blocks)
                yield _microscaled(name, base, base + scales, tensors)
        base = name.removesuffix(PACKED)
        whole = f"{base}_global_scale" if base != name else f"{name}_scale_2"
        if whole in tensors and f"{base}_scale" in tensors:
            yield _nvfp4(name, base, (f"{base}_scale", whole), tensors)
        elif base != name:
            yield _microscaled(name, base, f"{base}_scale", tensors)


def _microscaled(
    name: str, base: str, scales_name: str, tensors: Mapping[str, StoredTensor]
) -> Recognised:
    codes, scales = tensors[name], tensors.get(scales_name)
    if scales is None:
        why = f"stored as 4-bit codes, and their scales ({scales_name}) are missing"
        return refused(name, codes, why)
    blocks = (*scales.shape, MX_BYTES)
    joined = (*blocks[:-2], scales.shape[-1] * MX_BYTES) if scales.shape else ()
    fits = codes.shape == (joined if name.endswith(PACKED) else blocks) != (MX_BYTES,)
    if not fits or scales.dtype not in ("U8", "F8_E8M0"):
        return refused(name, codes, _misfit(codes, scales))
    tensor = MicroscaledFloat4(
        name=base,
        shape=(*scales.shape[:-1], scales.shape[-1] * MX_BYTES * 2),
        dtype="MXFP4",
        location=codes.location,
        parts=(codes, scales),
    )
    return Recognised(tensor=tensor, codes=name, others=(scales_name,))


def _nvfp4(
    name: str, base: str, others: tuple[str, str], tensors: Mapping[str, StoredTensor]
) -> Recognised:
    codes, scales, whole = (tensors[each] for each in (name, *others))
    shape = (*codes.shape[:-1], codes.shape[-1] * 2) if codes.shape else ()
    grouped = (*codes.shape[:-1], codes.shape[-1] // NV_BYTES) if codes.shape else ()
    fits = scales.shape == grouped and codes.n_values == scales.n_values * NV_BYTES
    if not fits or scales.dtype != "F8_E4M3" or math.prod(whole.shape) != 1:
        return refused(name, codes, _misfit(codes, scales))
    tensor = MicroscaledFloat4(
        name=base,
        shape=shape,
        dtype="NVFP4",
        location=codes.location,
        parts=(codes, scales, whole),
        is_over=base != name,
    )
    return Recognised(tensor=tensor, codes=name, others=others)


def _misfit(codes: StoredTensor, scales: StoredTensor) -> str:
    shapes = f"{list(codes.shape)} and {list(scales.shape)} of {scales.dtype}"
    return f"stored as 4-bit codes, and their scales {scales.name} do not fit: {shapes}"


MICROSCALED_FLOAT4 = Scheme(
    name="microscaled 4-bit floats",
    summary="MXFP4 and NVFP4, as gpt-oss, ModelOpt or compressed-tensors keep them",
    find=_find,
)
