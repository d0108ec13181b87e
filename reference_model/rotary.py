"""Rotary positions: every coordinate pair of a query or key turned by its position's angle.

On a CPU the time goes into passes over memory, so the products are of whole, contiguous tensors, in
place: of half heads, or of heads that lie apart, they take up to three times as long.

Shapes: B sequences, T positions, H heads, K = d_k coordinates per head.
Source of every equation: arXiv 2410.01131.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from reference_model.config import ModelConfig
from reference_model.sphere import inverse_norm


class Rotary(nn.Module):
    """Cosines and sines of the rotary angles t * base^(-2j/K), j < K/2, for positions t.

    Coordinate j of a head is paired with coordinate j + K/2 and the pair is turned by its angle: a
    true rotation, so norms stay and a product of two vectors depends on their distance only. A row
    of the tables is as long as a head, and the sines of its first half have a minus. The tables
    grow when a longer context than the trained one is asked for.
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.d_k, self.base = config.d_k, config.rope_base
        cosines, sines = self._tables(config.context_length)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def _tables(self, length: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
        # float64: angles of distant positions lose their fraction in float32
        pairs = torch.arange(0, self.d_k, 2, dtype=torch.float64, device=device)
        positions = torch.arange(length, dtype=torch.float64, device=device)
        angles = torch.outer(positions, self.base ** (-pairs / self.d_k))  # T K/2
        cosines = torch.cat((angles.cos(), angles.cos()), dim=-1)  # T K
        sines = torch.cat((-angles.sin(), angles.sin()), dim=-1)  # T K
        dtype = torch.get_default_dtype()
        return cosines.to(dtype), sines.to(dtype)

    def forward(self, length: int) -> tuple[Tensor, Tensor]:
        """Tables for positions 0 to `length` - 1, each [length, K]."""
        if length > len(self.cosines):
            cosines, sines = self._tables(length, self.cosines.device)
            self.cosines, self.sines = cosines.to(self.cosines), sines.to(self.sines)
        return self.cosines[:length], self.sines[:length]


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """R x: every coordinate pair of `x` [B, H, T, K] turned by its position's angle.

    Computed in float32 (float64 for float64 `x`); the result has the dtype of `x`.
    """
    rotated: Tensor = _Rotate.apply(x, cosines, sines)  # type: ignore[no-untyped-call]
    return rotated


def rotate_unit(x: Tensor, cosines: Tensor, sines: Tensor, scale: Tensor | None = None) -> Tensor:
    """R Norm(x) scale (Eqs. 15, 16), for `scale` of shape [H, 1, K], [1, 1] or none.

    Norm and rotation may be exchanged, as rotation keeps norms. Dtypes are those of `rotate`.
    """
    rotated: Tensor = _RotateUnit.apply(x, cosines, sines, scale)  # type: ignore[no-untyped-call]
    return rotated


class _Rotate(torch.autograd.Function):
    """y = R x; the gradient is turned back, R^T g."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        ctx.save_for_backward(cosines, sines)
        return _turn_(_fresh(x), cosines, sines).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cosines, sines = ctx.saved_tensors
        return _turn_(_fresh(gradient), cosines, -sines).to(gradient.dtype), None, None


class _RotateUnit(torch.autograd.Function):
    """y = u s with u = R Norm(x).

    The gradient of s is the sum of g u over sequences and positions. That of x is
    R^T (g s - u (u . g s)) / ||x||: projected on the tangent of the sphere at u and turned back.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, cosines: Tensor, sines: Tensor, scale: Tensor | None
    ) -> Tensor:
        unit = _fresh(x)
        inverse = inverse_norm(unit)
        _turn_(unit, cosines, sines).mul_(inverse)
        ctx.save_for_backward(unit, inverse, cosines, sines, scale)
        return (unit if scale is None else unit * scale).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, Tensor | None]:
        unit, inverse, cosines, sines, scale = ctx.saved_tensors
        g = _fresh(gradient)
        along, g_scale = g * unit, None
        if scale is not None:
            # over positions first: a sum over two axes at once takes eight times as long
            g_scale = along.sum(-2, keepdim=True).sum_to_size(scale.shape)
            along.mul_(scale)
            g.mul_(scale)
        g.addcmul_(unit, along.sum(-1, keepdim=True), value=-1).mul_(inverse)
        return _turn_(g, cosines, -sines).to(gradient.dtype), None, None, g_scale


def _fresh(x: Tensor) -> Tensor:
    exact = torch.promote_types(x.dtype, torch.float32)
    return x.to(exact, memory_format=torch.contiguous_format, copy=True)


def _turn_(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    # (x_1, x_2) -> (x_1 cos - x_2 sin, x_2 cos + x_1 sin); the sines carry the sign
    swapped = x.roll(x.shape[-1] // 2, dims=-1)
    return x.mul_(cosines).addcmul_(swapped, sines)
