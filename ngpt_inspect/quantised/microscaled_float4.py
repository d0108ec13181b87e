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
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.quantised._scheme import Recognised, Scheme
from ngpt_inspect.quantised._tensor import QuantisedTensor, refused, widths_of
from ngpt_inspect.stored import Contents, StoredTensor

if TYPE_CHECKING:
    import torch

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
        import torch

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
        import torch

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
                yield _microscaled(base, codes, tensors.get(base + scales), base + scales)
        base = name.removesuffix(PACKED)
        whole = f"{base}_global_scale" if base != name else f"{name}_scale_2"
        if whole in tensors and f"{base}_scale" in tensors:
            yield _nvfp4(base, codes, tensors[f"{base}_scale"], tensors[whole])
        elif base != name:
            yield _microscaled(base, codes, tensors.get(f"{base}_scale"), f"{base}_scale")


def _microscaled(
    base: str, codes: StoredTensor, scales: StoredTensor | None, name: str
) -> Recognised:
    if scales is None:
        why = f"stored as 4-bit codes, and their scales ({name}) are missing"
        return Recognised(tensor=refused(codes, why), codes=codes.name)
    blocks = (*scales.shape, MX_BYTES)
    joined = (*blocks[:-2], scales.shape[-1] * MX_BYTES) if scales.shape else ()
    fits = codes.shape == (joined if codes.name.endswith(PACKED) else blocks) != (MX_BYTES,)
    if not fits or scales.dtype not in ("U8", "F8_E8M0"):
        return Recognised(tensor=refused(codes, _misfit(codes, scales)), codes=codes.name)
    shape = (*scales.shape[:-1], scales.shape[-1] * MX_BYTES * 2)
    return _found(base, shape, "MXFP4", (codes, scales))


def _nvfp4(name: str, codes: StoredTensor, scales: StoredTensor, whole: StoredTensor) -> Recognised:
    shape = (*codes.shape[:-1], codes.shape[-1] * 2) if codes.shape else ()
    grouped = (*codes.shape[:-1], codes.shape[-1] // NV_BYTES) if codes.shape else ()
    fits = scales.shape == grouped and codes.n_values == scales.n_values * NV_BYTES
    if not fits or scales.dtype != "F8_E4M3" or math.prod(whole.shape) != 1:
        return Recognised(tensor=refused(codes, _misfit(codes, scales)), codes=codes.name)
    return _found(name, shape, "NVFP4", (codes, scales, whole), is_over=name != codes.name)


def _misfit(codes: StoredTensor, scales: StoredTensor) -> str:
    shapes = f"{list(codes.shape)} and {list(scales.shape)} of {scales.dtype}"
    return f"stored as 4-bit codes, and their scales {scales.name} do not fit: {shapes}"


def _found(
    name: str,
    shape: tuple[int, ...],
    kind: str,
    parts: tuple[StoredTensor, ...],
    *,
    is_over: bool = False,
) -> Recognised:
    tensor = MicroscaledFloat4(
        name=name,
        shape=shape,
        dtype=kind,
        location=parts[0].location,
        parts=parts,
        is_over=is_over,
    )
    return Recognised(
        tensor=tensor, codes=parts[0].name, others=tuple(part.name for part in parts[1:])
    )


MICROSCALED_FLOAT4 = Scheme(
    name="microscaled 4-bit floats",
    summary="MXFP4 and NVFP4, as gpt-oss, ModelOpt or compressed-tensors keep them",
    find=_find,
)
