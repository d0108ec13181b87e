"""Vectors on the unit sphere: Norm, and nGPT's step from one to another.

On a CPU the time goes into passes over memory, of which autograd's own gradients make twice as many
as those written out here. Norms are taken in float32 (float64 for float64) whatever came in.

Source of every equation: arXiv 2410.01131.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

TINY = 1e-12  # keeps Norm(0) = 0 instead of NaN; far below any norm met in training


def l2_normalize(x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Norm(x) = x / ||x||_2 along the last axis, with no gain; Norm(0) = 0.

    The result has the dtype of `x` unless another is asked for.
    Source: section 2.2.1, below Eq. 7.
    """
    normalized: Tensor = _Normalize.apply(x, dtype or x.dtype)  # type: ignore[no-untyped-call]
    return normalized


def lerp_step(h: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """Norm(h + alpha (Norm(y) - h)), elementwise in alpha (Eqs. 7, 10, 11): [..., D], as `h`."""
    stepped: Tensor = _LerpStep.apply(h, y, alpha)  # type: ignore[no-untyped-call]
    return stepped


def slerp_step(h: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """Norm(SLERP(h, Norm(y); alpha)) (Eqs. 6, 10, 11): [..., D], with the dtype of `h`."""
    return l2_normalize(slerp(h, l2_normalize(y, h.dtype), alpha))


def slerp(x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """sin((1-alpha) t)/sin(t) x + sin(alpha t)/sin(t) y, t = arccos(x . y) (Eq. 6).

    With a vector alpha each coordinate has its own weights, so the result can leave the sphere.
    """
    # at cosine 1 or -1 the formula is 0/0; this close to it, it equals lerp to float32 rounding
    cosine = (x * y).sum(-1, keepdim=True).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = cosine.arccos()
    toward_x, toward_y = torch.sin((1 - alpha) * angle), torch.sin(alpha * angle)
    return (toward_x * x + toward_y * y) / angle.sin()


class _Normalize(torch.autograd.Function):
    """y = Norm(x) and its gradient, (g - y (y . g)) / ||x||.

    The gradient is g projected on the tangent of the sphere at y (appendix A.3).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype) -> Tensor:
        unit = x.to(torch.promote_types(x.dtype, torch.float32), copy=True)
        inverse = inverse_norm(unit)
        y = unit.mul_(inverse).to(dtype)
        ctx.save_for_backward(y, inverse)
        ctx.dtype = x.dtype
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        y, inverse = ctx.saved_tensors
        g = gradient.to(inverse.dtype, copy=True)
        return _to_tangent_(g, y, inverse).to(ctx.dtype), None


class _LerpStep(torch.autograd.Function):
    """new = Norm(h + alpha (u - h)) with u = Norm(y).

    With t the gradient of the outer Norm's input, those of h, u and alpha are (1 - alpha) t,
    alpha t, which goes on through the inner Norm, and t (u - h).
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
        unit = y.to(torch.promote_types(h.dtype, torch.float32), copy=True)
        inverse_y = inverse_norm(unit)
        unit.mul_(inverse_y)
        new = torch.lerp(h.to(unit.dtype), unit, alpha.to(unit.dtype))
        inverse = inverse_norm(new)
        new = new.mul_(inverse).to(h.dtype)
        ctx.save_for_backward(h, unit, inverse_y, alpha, new, inverse)
        ctx.dtype = y.dtype
        return new

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h, unit, inverse_y, alpha, new, inverse = ctx.saved_tensors
        t = _to_tangent_(gradient.to(unit.dtype, copy=True), new, inverse)
        g_alpha = (unit - h).mul_(t).sum_to_size(alpha.shape)
        g_y = _to_tangent_(t * alpha, unit, inverse_y)
        g_h = t.mul_(1 - alpha)
        return g_h.to(h.dtype), g_y.to(ctx.dtype), g_alpha.to(alpha.dtype)


def inverse_norm(x: Tensor) -> Tensor:
    """1 / ||x||_2 along the last axis [..., 1], finite for x = 0."""
    return torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp_min_(TINY).reciprocal_()


def _to_tangent_(gradient: Tensor, unit: Tensor, inverse: Tensor) -> Tensor:
    """Turn the gradient of u = x / ||x|| into that of x, in place: (g - u (u . g)) / ||x||."""
    along = (gradient * unit).sum(-1, keepdim=True)
    return gradient.addcmul_(unit, along, value=-1).mul_(inverse)
