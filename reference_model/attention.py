"""Rotary positions and causal self-attention, of GPT and of nGPT.

Shapes: B sequences, T positions, H heads, K = d_k coordinates per head, D = d_model.
Source of every equation: arXiv 2410.01131.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from reference_model.config import ModelConfig, NGPTConfig
from reference_model.layers import Scaling
from reference_model.sphere import inverse_norm

QUERY_BLOCK = 128  # fewer make small products, more compute what the mask takes away


class Rotary(nn.Module):
    """Cosines and signed sines of the rotary angles t * base^(-2j/K), j < K/2, for positions t.

    Coordinate j of a head is paired with coordinate j + K/2 and the pair is turned by its angle: a
    true rotation, so norms stay and a product of two vectors depends on their distance only. The
    tables grow when a longer context than the trained one is asked for.
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


class _Rotate(torch.autograd.Function):
    """Turn by the angles; the gradient is turned back by them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        ctx.save_for_backward(cosines, sines)
        return _turn_(_copy(x, cosines), cosines, sines).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cosines, sines = ctx.saved_tensors
        back = _turn_(_copy(gradient, cosines), cosines, -sines)
        return back.to(gradient.dtype), None, None


class _RotateUnit(torch.autograd.Function):
    """y = R Norm(x) s, with R the rotation by the angles.

    With u = R Norm(x) the gradient of s is the sum of g u over sequences and positions, and that of
    x is R^T (g s - u (u . g s)) / ||x||, projected on the tangent at u and turned back.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, cosines: Tensor, sines: Tensor, scale: Tensor | None
    ) -> Tensor:
        unit = _copy(x, cosines)
        inverse = inverse_norm(unit)
        _turn_(unit, cosines, sines).mul_(inverse)
        ctx.save_for_backward(unit, inverse, cosines, sines, scale)
        return (unit if scale is None else unit * scale).to(x.dtype, copy=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, Tensor | None]:
        unit, inverse, cosines, sines, scale = ctx.saved_tensors
        g = _copy(gradient, cosines)
        along, g_scale = g * unit, None
        if scale is not None:
            g_scale = along.sum_to_size(scale.shape)
            along.mul_(scale)
            g.mul_(scale)
        g.addcmul_(unit, along.sum(-1, keepdim=True), value=-1).mul_(inverse)
        return _turn_(g, cosines, -sines).to(gradient.dtype), None, None, g_scale


def _copy(x: Tensor, tables: Tensor) -> Tensor:
    # contiguous: on a CPU products of heads that lie apart in memory take twice as long
    exact = torch.promote_types(x.dtype, tables.dtype)
    return x.to(exact, memory_format=torch.contiguous_format, copy=True)


def _turn_(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    # (x_1, x_2) -> (x_1 cos - x_2 sin, x_2 cos + x_1 sin), the halves in one product each
    swapped = x.roll(x.shape[-1] // 2, dims=-1)
    return x.mul_(cosines).addcmul_(swapped, sines)


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn every coordinate pair of `x` [B, H, T, K] by its position's angle.

    Computed in the dtype of the tables if that is the wider; the result has that of `x`.
    """
    rotated: Tensor = _Rotate.apply(x, cosines, sines)  # type: ignore[no-untyped-call]
    return rotated


def rotate_unit(x: Tensor, cosines: Tensor, sines: Tensor, scale: Tensor | None = None) -> Tensor:
    """`rotate` Norm(x) and multiply by `scale` [H or 1, 1, K or 1] (Eqs. 15, 16)."""
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


class Attention(nn.Module):
    """Causal self-attention of GPT, Eqs. 12 to 14, softmax scale 1/sqrt(d_k)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_heads, self.d_k = config.n_heads, config.d_k
        self.W_q = nn.Linear(config.d_model, config.d_model, bias=False)
        self.W_k = nn.Linear(config.d_model, config.d_model, bias=False)
        self.W_v = nn.Linear(config.d_model, config.d_model, bias=False)
        self.W_o = nn.Linear(config.d_model, config.d_model, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of `x` [B, T, D], each [B, H, T, K] (Eq. 12)."""
        # one product with the stacked matrices is quicker than three small ones
        stacked = torch.cat((self.W_q.weight, self.W_k.weight, self.W_v.weight))  # 3D D
        qkv = F.linear(x, stacked).view(*x.shape[:2], 3, self.n_heads, self.d_k)  # B T 3 H K
        return qkv.transpose(1, 3).unbind(2)  # type: ignore[no-any-return]

    def mix(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """softmax(scale q k^T + causal mask) v, heads joined, times W_o (Eqs. 13, 14): B T D."""
        heads = causal_attention(q, k, v, scale)  # B H T K
        return cast(Tensor, self.W_o(heads.transpose(1, 2).flatten(2)))

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:  # noqa: D102
        q, k, v = self.project(x)  # each B H T K
        return self.mix(rotate(q, *tables), rotate(k, *tables), v, scale=self.d_k**-0.5)


class NormalizedAttention(Attention):
    """Attention of nGPT: q <- Norm(q) s_qk, k <- Norm(k) s_qk (Eqs. 15, 16), scale sqrt(d_k)."""

    s_qk: Tensor

    def __init__(self, config: NGPTConfig) -> None:
        super().__init__(config)
        self.qk_norm = config.qk_norm
        self.scaling = Scaling(config.s_qk_init, config.s_qk_scale, config.s_qk_granularity)
        self.scaling.register(self, "s_qk", config.n_heads, config.d_k)

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:  # noqa: D102
        q, k, v = self.project(x)  # each B H T K
        # (q s)(k s)^T = (q s^2) k^T: scaling one side saves a pass over the other
        s_qk = self.scaling.effective(self.s_qk).unsqueeze(-2)  # H 1 K
        if self.qk_norm:
            q, k = rotate_unit(q, *tables, s_qk.square()), rotate_unit(k, *tables)
        else:
            q, k = rotate(q, *tables) * s_qk.square(), rotate(k, *tables)
        return self.mix(q.to(v.dtype), k, v, scale=self.d_k**0.5)
