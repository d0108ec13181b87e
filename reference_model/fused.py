"""The operations of `model` made fast, under the same names and signatures: what is trained.

On a CPU the time goes into passes over memory, of which autograd's own gradients make twice as many
as those written out here; products are of whole, contiguous tensors, in place where they can be.
Norms and rotations are taken in float32 (float64 for float64) whatever came in.

Shapes: B sequences, T positions, D = d_model, H heads, K = d_k.
Source of every equation: arXiv 2410.01131.
"""

from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from reference_model.model import (
    GPT,
    NGPT,
    TINY,
    Attention,
    NGPTLayer,
    NormalizedAttention,
    NormalizedMLP,
    Step,
    Tables,
    slerp,
)

QUERY_BLOCK = 128  # fewer make small products, more compute what the mask takes away


def fuse(model: GPT | NGPT) -> GPT | NGPT:
    """Let a model compute with the operations of this file; its parameters stay what they are."""
    for module in model.modules():
        module.__class__ = FAST.get(type(module), type(module))
    return model


# ---- operations ----------------------------------------------------------------------------------


def norm(x: Tensor) -> Tensor:
    """Norm(x) = x / ||x||_2 along the last axis (below Eq. 7), with the dtype of `x`."""
    return _normalized(x, x.dtype)


def _normalized(x: Tensor, dtype: torch.dtype) -> Tensor:
    normalized: Tensor = _Normalize.apply(x, dtype)  # type: ignore[no-untyped-call]
    return normalized


def lerp_step(h: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """Norm(h + alpha (Norm(y) - h)), elementwise in alpha (Eqs. 7, 10, 11): [..., D], as `h`."""
    stepped: Tensor = _LerpStep.apply(h, y, alpha)  # type: ignore[no-untyped-call]
    return stepped


def slerp_step(h: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """Norm(SLERP(h, Norm(y); alpha)) (Eqs. 6, 10, 11): [..., D], with the dtype of `h`."""
    return norm(slerp(h, _normalized(y, h.dtype), alpha))


def project(attention: Attention, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Make queries, keys and values W_q x, W_k x, W_v x, each [B, H, T, K] (Eq. 12)."""
    # one product with the stacked matrices is quicker than three small ones
    stacked = torch.cat((attention.W_q.weight, attention.W_k.weight, attention.W_v.weight))  # 3D D
    split = (*x.shape[:2], 3, attention.n_heads, attention.d_k)
    q, k, v = F.linear(x, stacked).view(split).transpose(1, 3).unbind(2)
    return q, k, v


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """R x: every coordinate pair of `x` [B, H, T, K] turned by its position's angle (A.5).

    The result has the dtype of `x`.
    """
    rotated: Tensor = _Rotate.apply(x, cosines, sines)  # type: ignore[no-untyped-call]
    return rotated


def rotate_unit(x: Tensor, cosines: Tensor, sines: Tensor, scale: Tensor | None = None) -> Tensor:
    """R Norm(x) scale (Eqs. 15, 16), for `scale` of shape [H, 1, K], [1, 1] or none.

    Norm and rotation may be exchanged, as rotation keeps norms. Dtypes are those of `rotate`.
    """
    rotated: Tensor = _RotateUnit.apply(x, cosines, sines, scale)  # type: ignore[no-untyped-call]
    return rotated


def causal_attention(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """softmax(scale q k^T + causal mask) v (Eq. 13); all [B, H, T, K].

    On a CPU torch's fused kernel is slower than a few plain products, one for each block of
    queries with the keys up to its last.
    """
    if not q.is_cpu:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    shape, length = q.shape, q.shape[-2]
    q, k, v = (x.flatten(0, 1) for x in (q, k, v))  # BH T K
    blocks = []
    for start in range(0, length, QUERY_BLOCK):
        end = min(start + QUERY_BLOCK, length)
        mask = q.new_full((end - start, end), -torch.inf).triu_(start + 1)
        logits = torch.baddbmm(mask, q[:, start:end], k[:, :end].mT, alpha=scale)
        blocks.append(logits.softmax(-1) @ v[:, :end])
    return torch.cat(blocks, 1).view(shape)


# ---- modules -------------------------------------------------------------------------------------


class FusedAttention(Attention):
    """Attention of GPT with one product for queries, keys and values."""

    def forward(self, x: Tensor, tables: Tables) -> Tensor:  # noqa: D102
        q, k, v = project(self, x)
        q, k = rotate(q, *tables), rotate(k, *tables)
        return self.join(causal_attention(q, k, v, scale=self.d_k**-0.5))


class FusedNormalizedAttention(NormalizedAttention):
    """Attention of nGPT with normalisation, rotation and scaling in one pass."""

    def forward(self, x: Tensor, tables: Tables) -> Tensor:  # noqa: D102
        q, k, v = project(self, x)
        # (q s)(k s)^T = (q s^2) k^T: scaling one side saves a pass over the other
        s_qk = self.scaling.effective(self.s_qk).unsqueeze(-2)  # H 1 K
        if self.qk_norm:
            q, k = rotate_unit(q, *tables, s_qk.square()), rotate_unit(k, *tables)
        else:
            q, k = rotate(q, *tables) * s_qk.square(), rotate(k, *tables)
        return self.join(causal_attention(q.to(v.dtype), k, v, scale=self.d_k**0.5))


class FusedNormalizedMLP(NormalizedMLP):
    """MLP of nGPT: the scaling of an output coordinate is that of a matrix row, far smaller."""

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        s_u = self.scaling_u.effective(self.s_u)
        s_nu = self.scaling_nu.effective(self.s_nu) * self.sqrt_d
        u = F.linear(x, self.W_u.weight * s_u[:, None])
        nu = F.linear(x, self.W_nu.weight * s_nu[:, None])
        return cast(Tensor, self.W_oMLP(u * F.silu(nu)))


class FusedNGPTLayer(NGPTLayer):
    """A layer of nGPT whose two steps have their gradients written out."""

    steps: ClassVar[dict[str, Step]] = {"lerp": lerp_step, "slerp": slerp_step}


class FusedNGPT(NGPT):
    """nGPT whose logits are scaled through the rows of E_output."""

    def head(self, h: Tensor) -> Tensor:  # noqa: D102
        s_z = self.scaling.effective(self.s_z)
        return F.linear(h, self.E_output.weight * s_z[:, None])


FAST: dict[type[nn.Module], type[nn.Module]] = {
    Attention: FusedAttention,
    NormalizedAttention: FusedNormalizedAttention,
    NormalizedMLP: FusedNormalizedMLP,
    NGPTLayer: FusedNGPTLayer,
    NGPT: FusedNGPT,
}


# ---- gradients written out -----------------------------------------------------------------------


class _Normalize(torch.autograd.Function):
    """y = Norm(x) and its gradient, (g - y (y . g)) / ||x||.

    The gradient is g projected on the tangent of the sphere at y (appendix A.3).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype) -> Tensor:
        unit = x.to(torch.promote_types(x.dtype, torch.float32), copy=True)
        inverse = _inverse_norm(unit)
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
        inverse_y = _inverse_norm(unit)
        unit.mul_(inverse_y)
        new = torch.lerp(h.to(unit.dtype), unit, alpha.to(unit.dtype))
        inverse = _inverse_norm(new)
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
        inverse = _inverse_norm(unit)
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


def _inverse_norm(x: Tensor) -> Tensor:
    """1 / ||x||_2 along the last axis [..., 1], finite for x = 0."""
    length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return length.clamp_min_(TINY).reciprocal_()


def _to_tangent_(gradient: Tensor, unit: Tensor, inverse: Tensor) -> Tensor:
    """Turn the gradient of u = x / ||x|| into that of x, in place: (g - u (u . g)) / ||x||."""
    along = (gradient * unit).sum(-1, keepdim=True)
    return gradient.addcmul_(unit, along, value=-1).mul_(inverse)
