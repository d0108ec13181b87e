"""The parts that GPT and nGPT are made of, but for attention.

Shapes: B sequences, T positions, D = d_model, M = d_mlp.
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
    def forward(ctx: Any, x: Tensor, dim: int, dtype: torch.dtype) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        norm = torch.linalg.vector_norm(x, dim=dim, keepdim=True, dtype=exact)
        inverse = norm.clamp_min_(TINY).reciprocal_()
        y: Tensor = (x * inverse).to(dtype)
        ctx.save_for_backward(y, inverse)
        ctx.dim, ctx.dtype = dim, x.dtype
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        y, inverse = ctx.saved_tensors
        along = (gradient * y).sum(ctx.dim, keepdim=True, dtype=inverse.dtype)
        tangent = torch.addcmul(gradient, y, along.to(y.dtype), value=-1)
        return tangent.mul_(inverse).to(ctx.dtype), None, None


def l2_normalize(x: Tensor, dim: int = -1, dtype: torch.dtype | None = None) -> Tensor:
    """Norm(x) = x / ||x||_2 along `dim`, with no gain; Norm(0) = 0.

    The norm is taken in float32 (float64 for float64 input) whatever `x` has; the result has the
    dtype of `x` unless another is asked for.
    Source: section 2.2.1, below Eq. 7.
    """
    normalized: Tensor = _L2Normalize.apply(x, dim, dtype or x.dtype)  # type: ignore[no-untyped-call]
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
