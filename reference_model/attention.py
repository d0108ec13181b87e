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
from reference_model.layers import Scaling, l2_normalize

QUERY_BLOCK = 128  # fewer make small products, more compute what the mask takes away


class Rotary(nn.Module):
    """Cosines and sines of the rotary angles t * base^(-2j/K), j < K/2, for positions t.

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
        dtype = torch.get_default_dtype()
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def forward(self, length: int) -> tuple[Tensor, Tensor]:
        """Tables for positions 0 to `length` - 1, each [length, K/2]."""
        if length > len(self.cosines):
            cosines, sines = self._tables(length, self.cosines.device)
            self.cosines, self.sines = cosines.to(self.cosines), sines.to(self.sines)
        return self.cosines[:length], self.sines[:length]


class _Rotate(torch.autograd.Function):
    """Turn by the angles; the gradient is turned back by them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        ctx.save_for_backward(cosines, sines)
        ctx.dtype = x.dtype
        return _turn(x, cosines, sines)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cosines, sines = ctx.saved_tensors
        return _turn(gradient, cosines, -sines).to(ctx.dtype), None, None


def _turn(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    # widened once: a product of two dtypes would widen its operand anew each time
    x = x.to(torch.promote_types(x.dtype, cosines.dtype))
    first, second = x.chunk(2, dim=-1)  # B H T K/2
    new_first = (first * cosines).addcmul_(second, sines, value=-1)
    new_second = (second * cosines).addcmul_(first, sines)
    return torch.cat((new_first, new_second), dim=-1)  # B H T K


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn every coordinate pair of `x` [B, H, T, K] by its position's angle.

    The result has the dtype of the tables if that is the wider: float32 for bfloat16 `x`.
    """
    rotated: Tensor = _Rotate.apply(x, cosines, sines)  # type: ignore[no-untyped-call]
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

    def project(self, x: Tensor, tables: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries, rotated keys and values of `x` [B, T, D], each [B, H, T, K] (Eq. 12)."""
        # one product with the stacked matrices is quicker than three small ones
        stacked = torch.cat((self.W_q.weight, self.W_k.weight, self.W_v.weight))  # 3D D
        qkv = F.linear(x, stacked).view(*x.shape[:2], 3, self.n_heads, self.d_k)  # B T 3 H K
        q, k, v = qkv.transpose(1, 3).unbind(2)  # each B H T K
        return rotate(q, *tables), rotate(k, *tables), v

    def mix(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """softmax(scale q k^T + causal mask) v, heads joined, times W_o (Eqs. 13, 14): B T D."""
        heads = causal_attention(q.to(v.dtype), k.to(v.dtype), v, scale)  # B H T K
        return cast(Tensor, self.W_o(heads.transpose(1, 2).flatten(2)))

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:  # noqa: D102
        return self.mix(*self.project(x, tables), scale=self.d_k**-0.5)


class NormalizedAttention(Attention):
    """Attention of nGPT: q <- Norm(q) s_qk, k <- Norm(k) s_qk (Eqs. 15, 16), scale sqrt(d_k)."""

    s_qk: Tensor

    def __init__(self, config: NGPTConfig) -> None:
        super().__init__(config)
        self.qk_norm = config.qk_norm
        self.scaling = Scaling(config.s_qk_init, config.s_qk_scale, config.s_qk_granularity)
        self.scaling.register(self, "s_qk", config.n_heads, config.d_k)

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:  # noqa: D102
        q, k, v = self.project(x, tables)  # each B H T K
        if self.qk_norm:
            q, k = l2_normalize(q), l2_normalize(k)
        # (q s)(k s)^T = (q s^2) k^T: scaling one side saves a pass over the other
        s_qk = self.scaling.effective(self.s_qk).unsqueeze(-2)  # H 1 K
        return self.mix(q * s_qk.square(), k, v, scale=self.d_k**0.5)
