"""Scales laid out beside the values they multiply: one each tensor, row, group or tile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ngpt_inspect.later.torch import torch

USUAL_TILE = 128
"""Of DeepSeek-V3 (arXiv 2412.19437, section 3.3) and of those who follow it."""
SCALE_DTYPES = ("F16", "BF16", "F32")
FULL_PRECISION = ("F32", "F64")


def tile_of(
    shape: tuple[int, ...], scale: tuple[int, ...], configured: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """Return how many values share a scale along each axis; None where the shapes do not fit.

    Parameters
    ----------
    shape, scale
        Of values and scales. Scales of fewer axes are of the leading ones.
    configured
        The tile of the last axes that the config names. Without it the usual one, where the
        scales are neither one nor one for each index of an axis.
    """
    if math.prod(scale) == 1:
        return shape
    if len(scale) > len(shape):
        return None
    if configured is not None and len(configured) > len(shape):
        configured = None  # meant for matrices
    scale = (*scale, *[1] * (len(shape) - len(scale)))
    usual = (*[1] * (len(shape) - len(configured or ())), *(configured or ()))
    tile = []
    for size, n, named in zip(shape, scale, usual, strict=True):
        each = size if n == 1 else 1 if n == size else named if configured else USUAL_TILE
        if each < 1 or -(-size // each) != n:
            return None
        tile.append(each)
    return tuple(tile)


def spread(
    scales: torch.Tensor, tile: tuple[int, ...], shape: tuple[int, ...], start: int, stop: int
) -> torch.Tensor:
    """Return the scale of every value of rows start..stop, or something that broadcasts to it."""
    if scales.numel() == 1:
        return scales.reshape([1] * len(shape))
    scales = scales.reshape(*scales.shape, *[1] * (len(shape) - scales.dim()))
    if scales.shape[0] > 1:
        scales = scales[torch.arange(start, stop) // tile[0]]
    for axis in range(1, len(shape)):
        if scales.shape[axis] > 1 and tile[axis] > 1:
            scales = scales[(slice(None),) * axis + (torch.arange(shape[axis]) // tile[axis],)]
    return scales


def tile_in(config: Mapping[str, Any], key: str) -> tuple[int, ...] | None:
    """Return a list of whole numbers of a quantisation config, or None."""
    value = config.get(key)
    if isinstance(value, list) and value and all(type(n) is int and n > 0 for n in value):
        return tuple(value)
    return None


def weights_in(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what compressed-tensors says of the weights of each group of layers."""
    groups = config.get("config_groups")
    layers = groups.values() if isinstance(groups, dict) else ()
    weights = (each.get("weights") for each in layers if isinstance(each, dict))
    return [each for each in weights if isinstance(each, dict)]


def group_of(n_inputs: int, scale: tuple[int, ...], said: list[Mapping[str, Any]]) -> int:
    """Return how many inputs share a scale; 0 where the shapes do not fit what is said.

    The last group of a row may be smaller than the others, where a size is said.
    """
    n_groups = scale[-1] if scale else 0
    stated = [each.get("group_size") for each in said]
    sizes = [each for each in stated if type(each) is int and 0 < each < n_inputs]
    if n_groups > 1 and sizes:
        return next((each for each in sizes if -(-n_inputs // each) == n_groups), 0)
    return n_inputs // n_groups if n_groups and n_inputs % n_groups == 0 else 0


def product(codes: torch.Tensor, scales: torch.Tensor, scale_dtype: str) -> torch.Tensor:
    """Return codes times scales, exactly: in float64 where the scales fill a float32.

    A code has at most 8 significant bits and a scale of half precision 11: 24 hold them.
    """
    wide = torch.float64 if scale_dtype in FULL_PRECISION else torch.float32
    return codes.to(wide) * scales.to(wide)
