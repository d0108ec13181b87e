"""GPT and nGPT side by side, complete and in plain torch: each line beside its equation.

What trains is the same model with faster operations (`fused`); this file is what they must equal.

References
----------
.. [1] Loshchilov, Hsieh, Sun, Ginsburg: nGPT, Normalized Transformer with Representation Learning
   on the Hypersphere, arXiv 2410.01131. Table 1 sets the two side by side; section 2.6 lists the
   seven changes from GPT to nGPT; appendix A.5 gives the initialisation.

Shapes: B sequences, T positions, D = d_model, H heads, K = d_k, M = d_mlp, V = vocab_size. Weights
are [out, in], as in torch: the paper's h W is `W(h)`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_model.config import Architecture, GPTConfig, Granularity, ModelConfig, NGPTConfig

Tables = tuple[Tensor, Tensor]
Step = Callable[[Tensor, Tensor, Tensor], Tensor]
TINY = 1e-12  # keeps Norm(0) = 0 instead of NaN; far below any norm met in training


# ---- operations ----------------------------------------------------------------------------------


def norm(x: Tensor) -> Tensor:
    """Norm(x) = x / ||x||_2 along the last axis, with no gain; Norm(0) = 0 (below Eq. 7)."""
    length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / length.clamp_min(TINY)


def lerp_step(h: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """Norm(h + alpha (Norm(y) - h)), elementwise in alpha (Eqs. 7, 10, 11): [..., D]."""
    return norm(h + alpha * (norm(y) - h))


def slerp_step(h: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """Norm(SLERP(h, Norm(y); alpha)) (Eqs. 6, 10, 11): [..., D]."""
    return norm(slerp(h, norm(y), alpha))


def slerp(x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """sin((1-alpha) t)/sin(t) x + sin(alpha t)/sin(t) y, t = arccos(x . y) (Eq. 6).

    With a vector alpha each coordinate has its own weights, so the result can leave the sphere.
    """
    # at cosine 1 or -1 the formula is 0/0; this close to it, it equals lerp to float32 rounding
    cosine = (x * y).sum(-1, keepdim=True).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = cosine.arccos()
    toward_x, toward_y = torch.sin((1 - alpha) * angle), torch.sin(alpha * angle)
    return (toward_x * x + toward_y * y) / angle.sin()


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """R x: every pair (x_1, x_2) of `x` [B, H, T, K] turned by its position's angle (A.5).

    (x_1, x_2) -> (x_1 cos - x_2 sin, x_2 cos + x_1 sin); the sines of `Rotary` carry the sign.
    """
    return x * cosines + x.roll(x.shape[-1] // 2, dims=-1) * sines


def causal_attention(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """softmax(scale q k^T + causal mask) v (Eq. 13); all [B, H, T, K]."""
    length = q.shape[-2]
    mask = q.new_full((length, length), -torch.inf).triu(1)  # T T
    return (scale * q @ k.mT + mask).softmax(-1) @ v


class Rotary(nn.Module):
    """Cosines and sines of the rotary angles t * base^(-2j/K), j < K/2, for positions t (A.5).

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

    def _tables(self, length: int, device: torch.device | None = None) -> Tables:
        # float64: angles of distant positions lose their fraction in float32
        pairs = torch.arange(0, self.d_k, 2, dtype=torch.float64, device=device)
        positions = torch.arange(length, dtype=torch.float64, device=device)
        angles = torch.outer(positions, self.base ** (-pairs / self.d_k))  # T K/2
        cosines = torch.cat((angles.cos(), angles.cos()), dim=-1)  # T K
        sines = torch.cat((-angles.sin(), angles.sin()), dim=-1)  # T K
        dtype = torch.get_default_dtype()
        return cosines.to(dtype), sines.to(dtype)

    def forward(self, length: int) -> Tables:
        """Tables for positions 0 to `length` - 1, each [length, K]."""
        if length > len(self.cosines):
            cosines, sines = self._tables(length, self.cosines.device)
            self.cosines, self.sines = cosines.to(self.cosines), sines.to(self.sines)
        return self.cosines[:length], self.sines[:length]


class RMSNorm(nn.Module):
    """RMSNorm(x) = gain * x / sqrt(mean(x^2) + eps), one learned gain per coordinate (2.2.1)."""

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


# ---- attention -----------------------------------------------------------------------------------


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
        """Make queries, keys and values W_q x, W_k x, W_v x, each [B, H, T, K] (Eq. 12)."""
        split = (*x.shape[:2], self.n_heads, self.d_k)
        q, k, v = (W(x).view(split).transpose(1, 2) for W in (self.W_q, self.W_k, self.W_v))
        return q, k, v

    def join(self, heads: Tensor) -> Tensor:
        """Apply W_o to all heads' outputs, side by side: [B, H, T, K] to [B, T, D] (Eq. 14)."""
        return cast(Tensor, self.W_o(heads.transpose(1, 2).flatten(2)))

    @property
    def softmax_scale(self) -> float:
        """What products of queries and keys are multiplied by: 1/sqrt(d_k)."""
        return float(self.d_k**-0.5)

    def prepare(self, x: Tensor, tables: Tables) -> tuple[Tensor, Tensor, Tensor]:
        """Make queries and keys as they meet, and values."""
        q, k, v = self.project(x)  # Eq. 12
        return rotate(q, *tables), rotate(k, *tables), v  # A.5

    def forward(self, x: Tensor, tables: Tables) -> Tensor:  # noqa: D102
        heads = causal_attention(*self.prepare(x, tables), scale=self.softmax_scale)  # Eq. 13
        return self.join(heads)  # Eq. 14


class NormalizedAttention(Attention):
    """Attention of nGPT: q and k normalised and scaled (Eqs. 15, 16), softmax scale sqrt(d_k)."""

    s_qk: Tensor

    def __init__(self, config: NGPTConfig) -> None:
        super().__init__(config)
        self.qk_norm = config.qk_norm
        self.scaling = Scaling(config.s_qk_init, config.s_qk_scale, config.s_qk_granularity)
        self.scaling.register(self, "s_qk", config.n_heads, config.d_k)

    @property
    def softmax_scale(self) -> float:
        """What products of queries and keys are multiplied by: sqrt(d_k) (2.3.2)."""
        return float(self.d_k**0.5)

    def prepare(self, x: Tensor, tables: Tables) -> tuple[Tensor, Tensor, Tensor]:
        """Make queries and keys as they meet, and values."""
        q, k, v = super().prepare(x, tables)
        if self.qk_norm:  # Table 6 drops it
            q, k = norm(q), norm(k)
        s_qk = self.scaling.effective(self.s_qk).unsqueeze(-2)  # H 1 K
        return q * s_qk, k * s_qk, v  # Eqs. 15, 16


# ---- MLP -----------------------------------------------------------------------------------------


class MLP(nn.Module):
    """Gated MLP of GPT, Eqs. 17 to 19."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.W_u = nn.Linear(config.d_model, config.d_mlp, bias=False)
        self.W_nu = nn.Linear(config.d_model, config.d_mlp, bias=False)
        self.W_oMLP = nn.Linear(config.d_mlp, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        u, nu = self.W_u(x), self.W_nu(x)  # Eq. 17: B T M
        return cast(Tensor, self.W_oMLP(u * F.silu(nu)))  # Eqs. 18, 19


class NormalizedMLP(MLP):
    """MLP of nGPT: u and nu scaled before the gate (Eqs. 20, 21)."""

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
        u = self.W_u(x) * self.scaling_u.effective(self.s_u)  # Eq. 20
        nu = self.W_nu(x) * self.scaling_nu.effective(self.s_nu) * self.sqrt_d  # Eq. 21
        return cast(Tensor, self.W_oMLP(u * F.silu(nu)))  # Eqs. 18, 19


# ---- layer ---------------------------------------------------------------------------------------


class GPTLayer(nn.Module):
    """Pre-norm blocks added to the stream (Eqs. 4, 5)."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.norm_A = RMSNorm(config.d_model, config.norm_eps)
        self.attention = Attention(config)
        self.norm_M = RMSNorm(config.d_model, config.norm_eps)
        self.mlp = MLP(config)

    def forward(self, h: Tensor, tables: Tables) -> Tensor:  # noqa: D102
        h = h + self.attention(self.norm_A(h), tables)  # Eq. 4: B T D
        return cast(Tensor, h + self.mlp(self.norm_M(h)))  # Eq. 5


class NGPTLayer(nn.Module):
    """Steps on the sphere towards each block's normalised output (Eqs. 10, 11)."""

    alpha_A: Tensor
    alpha_M: Tensor
    steps: ClassVar[dict[str, Step]] = {"lerp": lerp_step, "slerp": slerp_step}

    def __init__(self, config: NGPTConfig) -> None:
        super().__init__()
        self.attention = NormalizedAttention(config)
        self.mlp = NormalizedMLP(config)
        self.scaling = Scaling(config.alpha_init, config.alpha_scale, config.alpha_granularity)
        self.scaling.register(self, "alpha_A", config.d_model)
        self.scaling.register(self, "alpha_M", config.d_model)
        self.interpolation = config.interpolation

    def forward(self, h: Tensor, tables: Tables) -> Tensor:  # noqa: D102
        # |.|: the sign of alpha and that of an output row cancel (A.2), so only the size counts
        alpha_A = self.scaling.effective(self.alpha_A).abs()  # D
        alpha_M = self.scaling.effective(self.alpha_M).abs()  # D
        step = self.steps[self.interpolation]
        h = step(h, self.attention(h, tables), alpha_A)  # Eq. 10: B T D
        return step(h, self.mlp(h), alpha_M)  # Eq. 11


# ---- model ---------------------------------------------------------------------------------------


class GPT(nn.Module):
    """The baseline transformer: pre-norm, RoPE, SwiGLU, no biases, untied embeddings.

    Parameters
    ----------
    config : GPTConfig

    Notes
    -----
    Tokens are integers of shape [B, T]. Without targets the call returns logits [B, T, V]
    (Eq. 1); with targets [B, T] it returns the mean cross-entropy in nats per token (Eq. 2).
    """

    architecture: ClassVar[Architecture] = "gpt"

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.E_input = nn.Embedding(config.vocab_size, config.d_model)
        self.rotary = Rotary(config)
        self.layers = nn.ModuleList(GPTLayer(config) for _ in range(config.n_layers))
        self.norm_final = RMSNorm(config.d_model, config.norm_eps)
        self.E_output = nn.Linear(config.d_model, config.vocab_size, bias=False)
        initialize_matrices(self, config, config.init_std)

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:  # noqa: D102
        tables = self.rotary(tokens.shape[1])
        h = self.E_input(tokens)  # B T D
        for layer in self.layers:
            h = layer(h, tables)  # Eqs. 4, 5
        logits = self.head(h)  # Eq. 1: B T V
        return logits if targets is None else cross_entropy(logits, targets)  # Eq. 2

    def head(self, h: Tensor) -> Tensor:
        """E_output RMSNorm(h) (Eq. 1), the logits of hidden states [..., D]: [..., V]."""
        return cast(Tensor, self.E_output(self.norm_final(h)))


class NGPT(nn.Module):
    """The normalized transformer: every vector it handles lies on the unit hypersphere.

    Parameters
    ----------
    config : NGPTConfig

    Notes
    -----
    Called like `GPT`. After every optimiser step the trainer must call `normalize_matrices`
    (section 2.6, step 2); the constructor has called it once.
    """

    architecture: ClassVar[Architecture] = "ngpt"
    s_z: Tensor

    def __init__(self, config: NGPTConfig) -> None:
        super().__init__()
        self.config = config
        self.E_input = nn.Embedding(config.vocab_size, config.d_model)
        self.rotary = Rotary(config)
        self.layers = nn.ModuleList(NGPTLayer(config) for _ in range(config.n_layers))
        self.E_output = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.scaling = Scaling(config.s_z_init, config.s_z_scale, config.s_z_granularity)
        self.scaling.register(self, "s_z", config.vocab_size)
        initialize_matrices(self, config, config.d_model**-0.5)
        self.normalize_matrices()

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:  # noqa: D102
        tables = self.rotary(tokens.shape[1])
        h = self.E_input(tokens)  # B T D, unit vectors because the rows of E_input are
        for layer in self.layers:
            h = layer(h, tables)  # Eqs. 10, 11
        logits = self.head(h)  # Eqs. 1, 3: B T V
        return logits if targets is None else cross_entropy(logits, targets)  # Eq. 2

    def head(self, h: Tensor) -> Tensor:
        """E_output h s_z (Eqs. 1, 3), the logits of hidden states [..., D]: [..., V]."""
        return cast(Tensor, self.E_output(h) * self.scaling.effective(self.s_z))

    def matrices(self) -> Iterator[tuple[Tensor, int]]:
        """Every matrix with the axis that is its embedding dimension (section 2.6, step 2)."""
        yield self.E_input.weight, 1
        yield self.E_output.weight, 1
        for layer in self.layers:
            attention, mlp = cast(NGPTLayer, layer).attention, cast(NGPTLayer, layer).mlp
            for reader in (attention.W_q, attention.W_k, attention.W_v, mlp.W_u, mlp.W_nu):
                yield reader.weight, 1  # rows are compared with h
            for writer in (attention.W_o, mlp.W_oMLP):
                yield writer.weight, 0  # columns are added to h

    @torch.no_grad()
    def normalize_matrices(self) -> None:
        """Put every matrix back on the sphere: unit vectors along its embedding dimension."""
        for matrix, dim in self.matrices():
            if dim == 1:
                length = torch.linalg.vector_norm(matrix, dim=1, keepdim=True)
            else:  # on a CPU vector_norm takes ten times as long along columns
                length = matrix.square().sum(0, keepdim=True).sqrt()
            # not clamp_min_: of a sharded column that norm is a sum still to be made
            matrix.div_(length.clamp_min(TINY))


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(logits)[target] over all positions, in nats (Eq. 2)."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@torch.no_grad()
def initialize_matrices(model: nn.Module, config: ModelConfig, std: float) -> None:
    """Draw every matrix from N(0, std^2); W_o and W_oMLP get std / sqrt(2 n_layers).

    Source: appendix A.5 (the GPT-2 scheme). For nGPT only the directions survive.
    """
    for name, parameter in model.named_parameters():
        if name.endswith(".weight"):
            is_output = name.endswith(("W_o.weight", "W_oMLP.weight"))
            parameter.normal_(0.0, std / math.sqrt(2 * config.n_layers) if is_output else std)


def build_model(config: ModelConfig) -> GPT | NGPT:
    """Make the model that a config describes."""
    if isinstance(config, NGPTConfig):
        return NGPT(config)
    if isinstance(config, GPTConfig):
        return GPT(config)
    message = f"no model is described by a {type(config).__name__}; use GPTConfig or NGPTConfig"
    raise TypeError(message)
