"""Causal self-attention, of GPT and of nGPT.

Shapes: B sequences, T positions, H heads, K = d_k coordinates per head, D = d_model.
Source of every equation: arXiv 2410.01131.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_model.config import ModelConfig, NGPTConfig
from reference_model.layers import Scaling
from reference_model.rotary import rotate, rotate_unit

QUERY_BLOCK = 128  # fewer make small products, more compute what the mask takes away


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
        """Make queries, keys and values of `x` [B, T, D], each [B, H, T, K] (Eq. 12)."""
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
