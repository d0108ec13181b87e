"""The one check that values are finite, read in blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeVar

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch

Rows = TypeVar("Rows", "np.ndarray", "torch.Tensor")
BLOCK_ELEMENTS = 1 << 18
"""Values taken at a time: 2 MB in float64, which stay near the processor."""
NON_FINITE = "values are NaN or infinite"
"""How `NonFinite` says it, after the count: by these words its rows are found in a table."""


class NonFinite(ValueError):
    """Values that should be finite hold NaN or infinity."""


def row_blocks(x: Rows, elements: int = BLOCK_ELEMENTS) -> Iterator[Rows]:
    """Yield views of consecutive leading rows of `x`, about `elements` values each."""
    rows = max(1, elements * x.shape[0] // max(1, math.prod(x.shape)))
    for first in range(0, x.shape[0], rows):
        yield x[first : first + rows]


def largest_magnitude(x: torch.Tensor) -> float:
    """Return max |x_i|, read in blocks without copying `x`; 0 for an empty tensor.

    Raises
    ------
    NonFinite
        If any value is NaN or infinite.
    """
    largest = 0.0
    for block in row_blocks(x) if x.dim() else [x.reshape(1)]:
        if not block.numel():
            continue
        # Float8 has no arithmetic; widening is exact.
        wide = block.float() if block.dtype.itemsize < 4 else block
        low, high = torch.aminmax(wide)  # NaN propagates
        extent = max(-low.item(), high.item()) if low == low else float("nan")
        if not extent < float("inf"):
            count = sum(int((~torch.isfinite(b.float())).sum()) for b in row_blocks(x))
            msg = f"{count} of {x.numel()} {NON_FINITE}"
            raise NonFinite(msg)
        largest = max(largest, extent)
    return largest


def times_power(x: torch.Tensor, exponents: torch.Tensor | int) -> torch.Tensor:
    """Return x 2^exponents, exact in range, also where 2^exponents alone is beyond float64."""
    exponents = torch.as_tensor(exponents, device=x.device)
    half = exponents // 2
    return torch.ldexp(torch.ldexp(x, half), exponents - half)


def range_exponent(*tensors: torch.Tensor) -> int:
    """Return e for which 2^-e brings the largest value near 1, where squares could leave range.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    """
    largest = max(map(largest_magnitude, tensors))
    return 0 if not largest or 1e-15 < largest < 1e15 else math.frexp(largest)[1]


def require_finite(x: torch.Tensor) -> None:
    """Raise unless every value is finite.

    Raises
    ------
    NonFinite
        If any value is NaN or infinite; the message counts them.
    """
    largest_magnitude(x)
