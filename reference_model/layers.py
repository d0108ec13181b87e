"""The parts that GPT and nGPT are made of.

Shapes: B sequences, T positions, H heads, K = d_k coordinates per head, D = d_model, M = d_mlp.
Source of every equation: arXiv 2410.01131.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from reference_model.config import Granularity, ModelConfig, NGPTConfig

TINY = 1e-12  # keeps Norm(0) = 0 instead of NaN; far below any norm met in training


class _L2Normalize(torch.autograd.Function):
    """Norm(x) and its gradient, (g - y (y . g)) / ||x||: half the passes over memory of autograd's.

    The gradient is g projected on the tangent of the sphere at y (appendix A.3).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int) -> Tensor:
        dtype = torch.promote_types(x.dtype, torch.float32)
        norm = torch.linalg.vector_norm(x, dim=dim, keepdim=True, dtype=dtype)
        inverse = norm.clamp_min_(TINY).reciprocal_()
        y: Tensor = (x * inverse).to(x.dtype)
        ctx.save_for_backward(y, inverse)
        ctx.dim = dim
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        y, inverse = ctx.saved_tensors
        along = (gradient * y).sum(ctx.dim, keepdim=True, dtype=inverse.dtype)
        tangent = torch.addcmul(gradient, y, along.to(y.dtype), value=-1)
        return (tangent * inverse).to(y.dtype), None


def l2_normalize(x: Tensor, dim: int = -1) -> Tensor:
    """Norm(x) = x / ||x||_2 along `dim`, with no gain; Norm(0) = 0.

    The norm is taken in float32 (float64 for float64 input) and the result has the dtype of `x`.
    Source: section 2.2.1, below Eq. 7.
    """
    normalized: Tensor = _L2Normalize.apply(x, dim)  # type: ignore[no-untyped-call]
    return normalized


class RMSNorm(nn.Module):
    """RMSNorm(x) = gain * x / sqrt(mean(x^2) + eps), with one learned gain per coordinate.

    Source: section 2.2.1, Eqs. 4 and 5 (the GPT baseline).
    """

    def __init__(self, d_model: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return F.rms_norm(x, self.gain.shape, self.gain, self.eps)


@dataclass(frozen=True)
class Scaling:
    """The pair of stored and effective values of a learned vector (section 2.5).

    effective = stored * init / scale, and stored starts at `scale`. Adam moves a stored value by
    about the learning rate, so the effective one moves by learning rate * init / scale.
    """

    init: float
    scale: float
    granularity: Granularity

    def register(self, module: nn.Module, name: str, *shape: int) -> None:
        """Give `module` the stored vector as `name`, so that files hold it under that very name.

        A learned scalar and a fixed value have shape [1]; a fixed one is a buffer, saved but not
        trained (Table 5).
        """
        stored = torch.full(shape if self.granularity == "element" else (1,), self.scale)
        if self.granularity == "fixed":
            module.register_buffer(name, stored)
        else:
            module.register_parameter(name, nn.Parameter(stored))

    def effective(self, stored: Tensor) -> Tensor:
        """Turn the stored vector into stored * init / scale."""
        return stored * (self.init / self.scale)


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


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn every coordinate pair of `x` [B, H, T, K] by its position's angle."""
    first, second = x.chunk(2, dim=-1)  # B H T K/2
    rotated = (first * cosines - second * sines, second * cosines + first * sines)
    return torch.cat(rotated, dim=-1).to(x.dtype)  # B H T K


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
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)  # B H T K
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
        return self.mix(q * s_qk.square().to(q.dtype), k, v, scale=self.d_k**0.5)


class MLP(nn.Module):
    """Gated MLP of GPT: (u * SiLU(nu)) W_oMLP with u = x W_u, nu = x W_nu (Eqs. 17 to 19)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.W_u = nn.Linear(config.d_model, config.d_mlp, bias=False)
        self.W_nu = nn.Linear(config.d_model, config.d_mlp, bias=False)
        self.W_oMLP = nn.Linear(config.d_mlp, config.d_model, bias=False)

    def gate(self, x: Tensor, W_u: Tensor, W_nu: Tensor) -> Tensor:
        """SwiGLU of `x` [B, T, D] for the given matrices [M, D], times W_oMLP: [B, T, D]."""
        u, nu = F.linear(x, W_u), F.linear(x, W_nu)  # B T M
        return cast(Tensor, self.W_oMLP(u * F.silu(nu)))

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return self.gate(x, self.W_u.weight, self.W_nu.weight)


class NormalizedMLP(MLP):
    """MLP of nGPT: u <- u s_u and nu <- nu s_nu sqrt(d_model) before the gate (Eqs. 20, 21)."""

    s_u: Tensor
    s_nu: Tensor

    def __init__(self, config: NGPTConfig) -> None:
        super().__init__(config)
        self.sqrt_d = config.d_model**0.5
        self.scaling_u = Scaling(config.s_u_init, config.s_u_scale, config.s_mlp_granularity)
        self.scaling_nu = Scaling(config.s_nu_init, config.s_nu_scale, config.s_mlp_granularity)
        self.scaling_u.register(self, "s_u", config.d_mlp)
        self.scaling_nu.register(self, "s_nu", config.d_mlp)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        # the scaling of an output coordinate is the scaling of a matrix row, which is far smaller
        s_u = self.scaling_u.effective(self.s_u)
        s_nu = self.scaling_nu.effective(self.s_nu) * self.sqrt_d
        return self.gate(x, self.W_u.weight * s_u[:, None], self.W_nu.weight * s_nu[:, None])
