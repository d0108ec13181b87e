"""8-bit integers with scales: LLM.int8 of bitsandbytes, and int8 of compressed-tensors.

LLM.int8 (arXiv 2208.07339): ``NAME.weight`` (out, in) with ``NAME.SCB`` (out), the largest
magnitude of each row: W = q SCB / 127. ``NAME.weight_format`` says how the rows lie, 0 as they
are. compressed-tensors: ``NAME_scale``, one for a tensor, a row, or a group of a row, and
``NAME_zero_point`` of the scale's shape unless quantisation is symmetric: W = scale (q - z).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.quantised._config import INT4_OF_TORCHAO, type_by_torchao
from ngpt_inspect.quantised._scales import SCALE_DTYPES, spread
from ngpt_inspect.quantised._scheme import Recognised, Scheme, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor
from ngpt_inspect.stored import Contents, StoredTensor

if TYPE_CHECKING:
    import torch

LARGEST = 127
SCB, LAYOUT = ".SCB", ".weight_format"


@dataclass(frozen=True, kw_only=True)
class ScaledInt8(QuantisedTensor):
    """See the module. The parts: codes, scales, and where there are any, zero points."""

    tile: tuple[int, ...]
    steps: int = 1
    """The scale is that of so many codes: `LARGEST` of LLM.int8."""
    layout: StoredTensor | None = None

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`."""
        if self.layout is not None and int(self.layout.read().flatten()[0]):
            raise self.refuse("its rows are laid out for a kernel (weight_format is not 0)")
        stored, scale, *zero = self.parts
        codes = stored.read(start, stop).double()
        if zero:
            codes = codes - spread(zero[0].read().double(), self.tile, self.shape, start, stop)
        scales = spread(scale.read().double(), self.tile, self.shape, start, stop) / self.steps
        return codes * scales, scales.abs().expand_as(codes)


def _find(contents: Contents) -> Iterator[Recognised]:
    tensors = contents.tensors
    for name, codes in tensors.items():
        if codes.dtype != "I8" or len(codes.shape) < 2:
            continue
        if type_by_torchao(contents, name) == INT4_OF_TORCHAO:
            continue
        base = name.removesuffix(".weight")
        if base + SCB in tensors:
            others = [base + SCB, *([base + LAYOUT] if base + LAYOUT in tensors else [])]
            yield _made(name, others, tensors, LARGEST)
        elif f"{name}_scale" in tensors:
            zero = f"{name}_zero_point"
            yield _made(name, [f"{name}_scale", *([zero] if zero in tensors else [])], tensors, 1)


def _made(
    name: str, others: list[str], tensors: Mapping[str, StoredTensor], steps: int
) -> Recognised:
    codes, scale, *rest = (tensors[each] for each in (name, *others))
    tile = _tile(codes.shape, scale.shape)
    zero = rest if steps == 1 else []
    fits = all(each.shape == scale.shape and each.dtype in ("I8", "I32") for each in zero)
    if tile is None or scale.dtype not in (*SCALE_DTYPES, "F64") or not fits:
        shapes = ", ".join(f"{each.name} {list(each.shape)}" for each in (codes, scale, *zero))
        return refused(name, codes, f"its parts do not fit: {shapes}")
    tensor = ScaledInt8(
        name=name,
        shape=codes.shape,
        dtype="int8",
        location=codes.location,
        parts=(codes, scale, *zero),
        tile=tile,
        steps=steps,
        layout=rest[0] if rest and rest[0].n_values and not zero else None,
    )
    return Recognised(tensor=tensor, codes=name, others=tuple(others))


def _tile(shape: tuple[int, ...], scale: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return how many codes share a scale along each axis: all of a row, or equal groups of it."""
    if all(size == 1 for size in scale):
        return shape
    scale = (*scale, *[1] * (len(shape) - len(scale)))
    if len(scale) != len(shape):
        return None
    pairs = list(zip(shape, scale, strict=True))
    return None if any(n < 1 or size % n for size, n in pairs) else tuple(a // n for a, n in pairs)


SCALED_INT8 = Scheme(
    name="scaled 8-bit integers",
    summary="I8 codes with SCB (LLM.int8), or with weight_scale (compressed-tensors)",
    find=_find,
)
