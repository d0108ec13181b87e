"""8-bit floats with scales: one for a tensor, one for a row, or one for a tile of 128 x 128."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.quantised._config import quantisation
from ngpt_inspect.quantised._scales import product, spread, tile_in, tile_of
from ngpt_inspect.quantised._scheme import Recognised, Scheme, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor, widths_of
from ngpt_inspect.stored import FLOATS, Contents, StoredTensor

CODES = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
SCALE_DTYPES = (*FLOATS, "F8_E8M0")
SUFFIXES = ("_scale_inv", "_scale")
"""DeepSeek's name and that of compressed-tensors, FBGEMM and ModelOpt: both are multiplied."""
MISTRAL = "qscale_weight"
"""Mistral's, in place of the last part of the name."""


@dataclass(frozen=True, kw_only=True)
class ScaledFloat8(QuantisedTensor):
    """value = code x scale of its tile."""

    tile: tuple[int, ...]

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`."""
        stored, scale = self.parts
        codes = stored.read(start, stop)
        levels = torch.arange(256, dtype=torch.int16).to(torch.uint8).view(codes.dtype).float()
        widths = widths_of(levels)[codes.view(torch.uint8).int()]
        scales = spread(scale.read().double(), self.tile, self.shape, start, stop)
        values = product(codes.float(), scales, scale.dtype)
        return values, widths * scales.abs()


def _find(contents: Contents) -> Iterator[Recognised]:
    tensors, config = contents.tensors, quantisation(contents)
    named = {
        name: _scale_of(name, tensors)
        for name, t in tensors.items()
        if t.dtype in CODES and t.shape
    }
    named = {name: scale for name, scale in named.items() if name not in named.values()}
    expected = bool(config) or any(named.values())
    for name, scale in named.items():
        codes = tensors[name]
        if scale is None:
            if expected and len(codes.shape) > 1 and not name.endswith(SUFFIXES):
                why = f"stored as {codes.dtype}, and its scale ({name}{SUFFIXES[0]}) is missing"
                yield refused(name, codes, why)
            continue
        tile = tile_of(codes.shape, tensors[scale].shape, tile_in(config, "weight_block_size"))
        if tile is None or tensors[scale].dtype not in SCALE_DTYPES:
            shapes = f"{list(codes.shape)} and {list(tensors[scale].shape)}"
            why = f"stored as {codes.dtype}, and its scale {scale} does not fit: {shapes}"
            yield refused(name, codes, why)
            continue
        tensor = ScaledFloat8(
            name=name,
            shape=codes.shape,
            dtype=codes.dtype,
            location=codes.location,
            parts=(codes, tensors[scale]),
            tile=tile,
        )
        yield Recognised(tensor=tensor, codes=name, others=(scale,))


def _scale_of(name: str, tensors: Mapping[str, StoredTensor]) -> str | None:
    candidates = [f"{name}{suffix}" for suffix in SUFFIXES]
    candidates += [name.removesuffix("weight") + MISTRAL] if name.endswith("weight") else []
    return next((each for each in candidates if each in tensors), None)


SCALED_FLOAT8 = Scheme(
    name="scaled 8-bit floats",
    summary="F8 codes with weight_scale_inv or weight_scale",
    find=_find,
)
